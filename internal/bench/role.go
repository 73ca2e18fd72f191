package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"time"
)

// The benchmark starts itself again for the parties that need a process of
// their own: "bench role-acs" and "bench role-baseline". Both end when their
// standard input does, so that none outlives the run.
const (
	roleACS      = "role-acs"
	roleBaseline = "role-baseline"
)

// runRole runs the role that args name; handled is false if they name none.
func runRole(args []string) (handled bool, err error) {
	if len(args) == 0 {
		return false, nil
	}
	switch args[0] {
	case roleACS:
		return true, runACS(args[1:], os.Stdin, os.Stdout)
	case roleBaseline:
		return true, runBaseline(args[1:], os.Stdin)
	}
	return false, nil
}

// runACS serves an acsServer and answers each line of in by a line of JSON
// with its counters.
func runACS(args []string, in io.Reader, out io.Writer) error {
	flags := flag.NewFlagSet(roleACS, flag.ContinueOnError)
	address := flags.String("listen", "127.0.0.1:0", "address")
	closeAtEnd := flags.Bool("close", false, "close connections with the 204")
	if err := flags.Parse(args); err != nil {
		return err
	}
	l, err := net.Listen("tcp4", *address)
	if err != nil {
		return err
	}
	s := newACSServer(*closeAtEnd)
	go func() { // until the process ends with in
		if err := s.serve(l); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}()
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		if err := json.NewEncoder(out).Encode(s.snapshot()); err != nil {
			return err
		}
	}
	return lines.Err()
}

// acsProcess is an ACS in a process of its own.
type acsProcess struct {
	*child
	address string
	replies *bufio.Reader
}

func (b *bench) startACS(ctx context.Context, args ...string) (*acsProcess, error) {
	address, err := b.ports.free()
	if err != nil {
		return nil, err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer w.Close() // the child has its own copy
	argv := append([]string{b.self, roleACS, "-listen", address}, args...)
	p, err := command{name: "acs", argv: argv, env: b.goEnv(), dir: b.dir, out: w}.start()
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	a := &acsProcess{child: p, address: address, replies: bufio.NewReader(r)}
	if err := p.await(ctx, 10*time.Second, dialable(address)); err != nil {
		p.stop()
		return nil, err
	}
	return a, nil
}

// stats asks the ACS for its counters.
func (a *acsProcess) stats() (acsStats, error) {
	var s acsStats
	if _, err := io.WriteString(a.in, "stats\n"); err != nil {
		return s, fmt.Errorf("acs: ask for counters: %w", err)
	}
	line, err := a.replies.ReadBytes('\n')
	if err != nil {
		return s, fmt.Errorf("acs: read counters: %w", err)
	}
	return s, json.Unmarshal(line, &s)
}
