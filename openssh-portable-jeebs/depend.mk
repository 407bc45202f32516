# SPDX-License-Identifier: ISC
# Read after OpenSSH's Makefile (make -f Makefile -f depend.mk): lets the
# compiler write down which headers each object needs.
CPPFLAGS += -MMD -MP
-include $(wildcard *.d jeebs/*.d)

# Its suffix rule for .lo has prerequisites, of which make warns each time.
.SUFFIXES:
.SUFFIXES: .c .o
%.lo: %.c
	$(CC) $(CFLAGS_NOPIE) $(PICFLAG) $(CPPFLAGS) -c $< -o $@
