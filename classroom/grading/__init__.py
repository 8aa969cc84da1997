"""The notebook format, and the grade: lift answers, run them in a pristine notebook, report.

course.py     where lessons, exercises and solutions lie
notebook.py   answer cells and their marked regions
generate.py   exercises/ from solutions/
screen.py     what an answer never needs, found before it is run
splice.py     from a submission, whatever it is, to a pristine notebook with its answers
verdicts.py   how `check` tells the grade, out of band
quick.py      imports that a notebook's tools make for nothing
inner.py      one notebook under nbval, in a process of its own
files.py      a file is written as a whole or stays as it was
run.py        that process, with limits
grade.py      a folder of submissions, a row each
report.py     the rows: a line, junit.xml, grades.csv
"""

from classroom.grading.quick import skip_slow_imports

skip_slow_imports()
