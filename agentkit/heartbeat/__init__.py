"""Every job leaves evidence, and missing evidence is the alert."""
