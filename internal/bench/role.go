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
// their own, as "bench role-acs". All end when their standard input does, so that
// none outlives the run.
const (
	roleACS      = "role-acs"
	roleBaseline = "role-baseline"
	roleEcho     = "role-echo"
	roleBindings = "role-bindings"
	roleCampaign = "role-campaign"
	roleSearch   = "role-search"
	roleEvents   = "role-events"
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
	case roleEcho:
		return true, runEcho(args[1:], os.Stdin)
	case roleBindings:
		return true, runBindings(args[1:], os.Stdin, os.Stdout)
	case roleCampaign:
		return true, runCampaign(args[1:], os.Stdin, os.Stdout)
	case roleSearch:
		return true, runSearch(args[1:], os.Stdin, os.Stdout)
	case roleEvents:
		return true, runEvents(args[1:], os.Stdin, os.Stdout)
	}
	return false, nil
}

// runACS serves an acsServer and answers each line of in by a line of JSON
// with its counters.
func runACS(args []string, in io.Reader, out io.Writer) error {
	flags := flag.NewFlagSet(roleACS, flag.ContinueOnError)
	address := flags.String("listen", "127.0.0.1:0", "address")
	closeAtEnd := flags.Bool("close", false, "close connections with the 204")
	writes := flags.Bool("writes-url", false, "set ManagementServer.URL in each session")
	if err := flags.Parse(args); err != nil {
		return err
	}
	l, err := net.Listen("tcp4", *address)
	if err != nil {
		return err
	}
	s := newACSServer(*closeAtEnd)
	if *writes {
		s.writeURL("http://" + l.Addr().String())
	}
	go func() { // until the process ends with in
		if err := s.serve(l); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}()
	return answerLines(in, out, func() any { return s.snapshot() })
}

// answering is a child in a role that answers each line by a line of JSON.
type answering struct {
	*child
	replies *bufio.Reader
}

func (b *bench) startAnswering(role string, args ...string) (*answering, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer w.Close() // the child has its own copy
	argv := append([]string{b.self, role}, args...)
	p, err := command{name: role, argv: argv, env: b.goEnv(), dir: b.dir, out: w}.start()
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return &answering{child: p, replies: bufio.NewReader(r)}, nil
}

// ask has the child fill in its answer.
func (a *answering) ask(answer any) error {
	if _, err := io.WriteString(a.in, "?\n"); err != nil {
		return fmt.Errorf("%s: ask: %w: %s", a.name, err, a.tail())
	}
	line, err := a.replies.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("%s: read its answer: %w: %s", a.name, err, a.tail())
	}
	return json.Unmarshal(line, answer)
}

// acsProcess is an ACS in a process of its own.
type acsProcess struct {
	*answering
	address string
}

func (b *bench) startACS(ctx context.Context, args ...string) (*acsProcess, error) {
	address, err := b.ports.free()
	if err != nil {
		return nil, err
	}
	p, err := b.startAnswering(roleACS, append([]string{"-listen", address}, args...)...)
	if err != nil {
		return nil, err
	}
	if err := p.await(ctx, 10*time.Second, dialable(address)); err != nil {
		p.stop()
		return nil, err
	}
	return &acsProcess{answering: p, address: address}, nil
}

// stats asks the ACS for its counters.
func (a *acsProcess) stats() (s acsStats, err error) { return s, a.ask(&s) }
