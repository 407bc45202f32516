# SPDX-License-Identifier: ISC
# Read after OpenSSH's Makefile and depend.mk, in the patched tree, for the fuzz
# targets: OUT is where objects go, PARTS the folder of our C around sshd's.
#   parts      OUT/libsshd.a: all of sshd-adopt but its main, as it was built
#   fuzzed     OUT/openssh/libopenssh.a: the same and libssh, with FUZZ_CFLAGS
#   OUT/sshd/NAME.o, OUT/sshd/NAME.fuzzed.o: one of PARTS

.PHONY: parts fuzzed
SSHD_PARTS = $(filter-out sshd-adopt.o,$(SSHD_ADOPT_OBJS))
FUZZED = $(sort $(LIBSSH_OBJS) $(SSHD_PARTS))

parts: $(OUT)/libsshd.a
$(OUT)/libsshd.a: $(SSHD_PARTS)
	rm -f $@
	$(AR) rcsT $@ $(abspath $^)

fuzzed: $(OUT)/openssh/libopenssh.a
$(OUT)/openssh/libopenssh.a: $(addprefix $(OUT)/openssh/,$(FUZZED))
	rm -f $@
	$(AR) rcsT $@ $^

$(OUT)/openssh/%.o: %.c config.h
	@mkdir -p $(@D)
	$(CLANG) $(FUZZ_CFLAGS) -w $(CPPFLAGS) -c -o $@ $<

$(OUT)/sshd/%.fuzzed.o: $(PARTS)/%.c config.h
	@mkdir -p $(@D)
	$(CLANG) $(FUZZ_CFLAGS) -Wno-unused-function -I$(PARTS) $(CPPFLAGS) -c -o $@ $<

$(OUT)/sshd/%.o: $(PARTS)/%.c config.h
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -Wno-unused-function -I$(PARTS) $(CPPFLAGS) -c -o $@ $<

-include $(wildcard $(OUT)/openssh/*.d $(OUT)/openssh/*/*.d $(OUT)/sshd/*.d)
