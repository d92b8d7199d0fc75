"""What must hold, what does not, and clean tables. The only door to Great Expectations.

Reading the rules is expectations.py; computing them check.py; Great Expectations' verdict verdict.py; keeping the
result findings.py. Applying people's decisions is decisions.py; choosing one current row per unit and period
current.py; both together are clean.py. Reading forms belongs to forms/, publishing to store/.
"""
