"""The exchange's rules as dated tables: calendar, contracts, charges."""
