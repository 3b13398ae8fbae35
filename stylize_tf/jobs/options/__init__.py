"""What runs are asked for: fields that become flags and help, and which of them go together."""
