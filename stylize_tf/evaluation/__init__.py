"""The objective of a picture, compiled: as a whole and in bands."""
