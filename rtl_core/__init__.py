"""Routing the Lottery: one sparse subnetwork per subset of the data, all cut from one initialisation."""
