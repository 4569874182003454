# A number other than zero.
raise SystemExit(3)
