"""The campaign: many seeded histories of a simulated Azure that fails, of people and of crashes, each one judged."""
