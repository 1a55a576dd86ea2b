-- An erased person's claims are undecided no more, whichever merges they came in over.
CREATE INDEX undecided_claim ON undecided (claim);
