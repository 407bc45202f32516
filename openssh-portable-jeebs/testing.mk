# SPDX-License-Identifier: ISC
# Read after OpenSSH's Makefile and depend.mk: the programs with what is for
# tests only, in TESTING_DIR. An object that doesn't need jeebs-testing.h can't
# differ and is taken as it is.
TESTING_MK := $(lastword $(MAKEFILE_LIST))
TESTING_PROGS = sshd sshd-session sshd-auth sshd-adopt
TESTING_OBJS := $(patsubst %.d,%.o,$(shell grep -l 'jeebs-testing\.h' \
	*.d jeebs/*.d))

testing: $(addprefix $(TESTING_DIR)/,$(TESTING_PROGS))

$(TESTING_DIR)/%.o: %.c $(TESTING_MK) Makefile
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(CPPFLAGS) -DJEEBS_TESTING -c $< -o $@

$(TESTING_DIR)/sshd-adopt.o: sshd-session.c $(TESTING_MK) Makefile
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(CPPFLAGS) -DJEEBS_TESTING -DJEEBS_ADOPT -c $< -o $@

# Those of libssh.a come before it, so that its own are left out.
testing-objs = $(addprefix $(TESTING_DIR)/,$(JEEBS_TESTING_OBJS) \
	$(filter $(TESTING_OBJS),$(1) $(LIBSSH_OBJS))) \
	$(filter-out $(TESTING_OBJS),$(1))

HOSTILE = $(addprefix $(TESTING_DIR)/,$(JEEBS_HOSTILE_OBJS))

define TESTING_PROG
$$(TESTING_DIR)/$(1): libssh.a $$(LIBCOMPAT) $$(call testing-objs,$(2)) $(3)
	$$(LD) -o $$@ $$(call testing-objs,$(2)) $(3) $$(LDFLAGS) -lssh \
	    -lopenbsd-compat $$(SSHDLIBS) $$(LIBS) $$(GSSLIBS) $$(K5LIBS) \
	    $$(CHANNELLIBS) $$(LIBWTMPDB)
endef
$(eval $(call TESTING_PROG,sshd,$(SSHDOBJS)))
$(eval $(call TESTING_PROG,sshd-session,$(SSHD_SESSION_OBJS),$(HOSTILE)))
$(eval $(call TESTING_PROG,sshd-auth,$(SSHD_AUTH_OBJS)))
$(eval $(call TESTING_PROG,sshd-adopt,$(SSHD_ADOPT_OBJS),$(HOSTILE)))

-include $(wildcard $(TESTING_DIR)/*.d $(TESTING_DIR)/jeebs/*.d)
