# A small C program built in parallel, from sources that include each other.
# shellcheck source=tests/real/both
. "$(dirname "$0")/both"
need make cc

both '
set -e
for i in 1 2 3 4 5 6 7 8; do
	printf "#include <stdio.h>\n#include \"all.h\"\nint f%d(void) { return printf(\"%d\\\\n\"); }\n" $i $i >f$i.c
	printf "int f%d(void);\n" $i
done >all.h
{ printf "#include \"all.h\"\nint main(void) {"; for i in 1 2 3 4 5 6 7 8; do printf " f%d();" $i; done; printf " return 0; }\n"; } >main.c
printf "CFLAGS = -O1 -g0 -Wall\nOBJS = main.o f1.o f2.o f3.o f4.o f5.o f6.o f7.o f8.o\nall: \$(OBJS)\n\t\$(CC) -o all \$(OBJS)\n\$(OBJS): all.h\nclean:\n\trm -f *.o all\n" >Makefile
make -s -j4 && ./all && touch all.h && make -s -j4 && make -s clean && ls
'
