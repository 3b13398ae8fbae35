"""Many pictures by Apache Beam, from and to any of its file systems, on one machine or many."""
