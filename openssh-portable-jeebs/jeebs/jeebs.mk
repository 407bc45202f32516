# SPDX-License-Identifier: ISC
# Included by the Makefile of the patched OpenSSH.

# Needs sshbuf and libc only; linked into jeebsd too.
JEEBS_LIB_OBJS=	jeebs/jeebs-hooks.o jeebs/jeebs-wire.o jeebs/jeebs-msg.o \
	jeebs/jeebs-ring.o jeebs/jeebs-state.o jeebs/jeebs-tcp.o

JEEBS_SESSION_OBJS=	sshsig.o jeebs/jeebs-sign.o jeebs/jeebs-recovery.o \
	jeebs/jeebs-aead.o jeebs/jeebs-chain.o jeebs/jeebs-root.o \
	jeebs/jeebs-export.o jeebs/jeebs-recorder.o jeebs/jeebs-module.o \
	jeebs/jeebs-forward.o jeebs/jeebs-relay.o jeebs/jeebs-target.o \
	jeebs/jeebs-attempt.o jeebs/jeebs-listen.o jeebs/jeebs-agent.o \
	jeebs/jeebs-tun.o jeebs/jeebs-source.o jeebs/jeebs-mon.o \
	jeebs/jeebs-host.o jeebs/jeebs-socket.o

JEEBS_ADOPT_OBJS=	jeebs/jeebs-adopt.o jeebs/jeebs-once.o \
	jeebs/jeebs-worker.o jeebs/jeebs-account.o jeebs/jeebs-revive.o \
	jeebs/jeebs-ending.o jeebs/jeebs-adopt-socket.o

# In the programs of "make testing" only: testing.mk. The user's process that
# turns hostile is in those that have one.
JEEBS_TESTING_OBJS=	jeebs/jeebs-testing.o jeebs/jeebs-testing-kex.o \
	jeebs/jeebs-testing-cut.o
JEEBS_HOSTILE_OBJS=	jeebs/jeebs-hostile.o jeebs/jeebs-hostile-records.o \
	jeebs/jeebs-hostile-ring.o jeebs/jeebs-hostile-flood.o \
	jeebs/jeebs-hostile-mon.o jeebs/jeebs-hostile-forward.o

SSHD_ADOPT_OBJS=	$(SSHD_SESSION_OBJS:sshd-session.o=sshd-adopt.o) \
	$(JEEBS_ADOPT_OBJS)

sshd-adopt.o: $(srcdir)/sshd-session.c
	$(CC) $(CFLAGS) -Wno-unused-function $(CPPFLAGS) -DJEEBS_ADOPT \
	    -c $(srcdir)/sshd-session.c -o $@

sshd-adopt$(EXEEXT): libssh.a $(LIBCOMPAT) $(SSHD_ADOPT_OBJS)
	$(LD) -o $@ $(SSHD_ADOPT_OBJS) $(LDFLAGS) -lssh -lopenbsd-compat $(SSHDLIBS) $(LIBS) $(GSSLIBS) $(K5LIBS) $(CHANNELLIBS) $(LIBWTMPDB)
