"""The tables of the coordinator and every statement over them; the only SQL of the coordinator is here."""
