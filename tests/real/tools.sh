# The everyday tools, on links, odd names and every kind of file.
# shellcheck source=tests/real/both
. "$(dirname "$0")/both"

both '
set -e
mkdir -p d/e && echo text >d/e/f && ln -s e/f d/link && ln d/e/f d/hard && mkfifo d/fifo
printf "line\n" >"d/a name
of two lines" && chmod 4750 d/e/f && umask 027 && touch d/masked
ls -lR --time-style=+ d | sed "s/ [^ ]* [^ ]* *[0-9]*  / /" | grep -v ^total
cp -a d copy && find copy -printf "%p %y %m %l\n" | sort && rm d/fifo copy/fifo && diff -r --no-dereference d copy
tar -cf t.tar d && tar -tf t.tar | sort && mkdir out && tar -xf t.tar -C out && find out | sort
sed -i s/text/changed/ copy/e/f && cat copy/e/f d/e/f && mv copy/e moved && ls moved
grep -rn line d --devices=skip | sort && find d -name "f*" -type f -exec wc -c {} + | sort
(cd d/e && pwd && cat ../link && cd ../.. && pwd)
: >empty && [ -s empty ] || echo empty; cat absent 2>&1 || echo "status $?"
echo out >&1; echo err >>/dev/stderr; cat /dev/null /proc/self/comm; pwd -P >>/dev/stdout
echo a >>app && echo b >>app && cat app && rm -r d out moved copy t.tar && ls
'
