"""Networks in the formats of other run times, each compared with the network first."""
