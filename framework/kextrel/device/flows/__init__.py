"""Walks that several verbs share: no key before its screen was seen, each step confirmed by what is seen."""
