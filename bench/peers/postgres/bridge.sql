\if :zipf > 1
\set rank random_zipfian(1, :known, :zipf)
\set other random_zipfian(1, :known, :zipf)
\else
\set rank random(1, :known)
\set other random(1, :known)
\endif
\set n (:rank * 2654435761) % :known
\set other (:other * 2654435761) % :known
\set version random(1, 1000000000)
SELECT send_person(:n, :version, :other + (CASE WHEN :other % 3 = 0 THEN 1 ELSE 0 END));
