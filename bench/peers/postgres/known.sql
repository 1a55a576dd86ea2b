\set n random(0, :known - 1)
\set version random(1, 1000000000)
SELECT send_person(:n, :version);
