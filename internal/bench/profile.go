package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
)

// profiledRounds is how many rounds' worth of sessions a profile covers: at a
// thousand samples a second of CPU time, one round gives too few.
const profiledRounds = 5

// profileGateway runs some more rounds of acsgate under perf, if profiles are
// wanted.
func (b *bench) profileGateway(ctx context.Context, r *report, c *contender) error {
	if c == nil {
		return nil
	}
	return b.profileProcess(ctx, r, r.section, c.proxy.pid(), func() error {
		l := c.load
		l.sessions *= profiledRounds
		l.run(ctx)
		return nil
	})
}

// profileProcess runs work and has perf look at a process meanwhile, if profiles
// are wanted. perf looks from outside, kernel included, so acsgate needs no
// profiling endpoint; the work is extra because perf costs time.
func (b *bench) profileProcess(ctx context.Context, r *report, name string, pid int, work func() error) error {
	if b.profile == "" {
		return nil
	}
	perf, err := look("perf")
	if errors.Is(err, errLeftOut) {
		r.note("profile: %s", err)
		return nil
	}
	if err := os.MkdirAll(b.profile, 0o755); err != nil {
		return err
	}
	file := filepath.Join(b.profile, name+".perf")
	record := exec.CommandContext(ctx, perf, "record", "-q", "-F", "999", "-g", "-o", file, "-p", strconv.Itoa(pid))
	record.Stderr = os.Stderr
	dieWithParent(record)
	if err := record.Start(); err != nil {
		return fmt.Errorf("profile: %w", err)
	}
	failed := work()
	if err := record.Process.Signal(syscall.SIGINT); err != nil {
		return errors.Join(failed, fmt.Errorf("profile: stop perf: %w", err))
	}
	_ = record.Wait() // perf ends by the signal, which counts as a failure
	return errors.Join(failed, summarise(ctx, r, perf, file))
}

// summarise writes two of perf's lists beside the profile: where the time is
// spent, and below which functions.
func summarise(ctx context.Context, r *report, perf, file string) error {
	for name, order := range map[string]string{".flat.txt": "--no-children", ".callers.txt": "--children"} {
		text, err := exec.CommandContext(ctx, perf, "report", "-i", file, "--stdio", order,
			"-g", "none", "--percent-limit", "0.3").Output()
		if err != nil {
			return fmt.Errorf("profile: perf report: %w", err)
		}
		if err := os.WriteFile(file+name, text, 0o644); err != nil {
			return err
		}
	}
	r.note("profile: %s, summarised in %s.flat.txt and .callers.txt", file, file)
	return nil
}
