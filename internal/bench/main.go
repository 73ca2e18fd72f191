package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

func main() {
	handled, err := runRole(os.Args[1:])
	if !handled {
		err = run(os.Args[1:], os.Stdout)
	}
	if errors.Is(err, flag.ErrHelp) {
		os.Exit(2)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench: error:", err)
		os.Exit(1)
	}
}

// bench is one run.
type bench struct {
	options
	out       io.Writer
	dir       string // everything that the run writes, removed at its end
	root      string // of the module
	self      string // this binary
	cert      *certificate
	fileLimit uint64 // open files a process may have
	ports     ports

	gatewayMissing error // why acsgate is left out
}

func run(args []string, out io.Writer) error {
	o, err := parseOptions(args, out)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	runtime.GOMAXPROCS(o.procs)
	b, err := newBench(o, out)
	if err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	return b.all(ctx)
}

func newBench(o options, out io.Writer) (*bench, error) {
	b := &bench{options: o, out: out}
	var err error
	if b.self, err = os.Executable(); err != nil {
		return nil, err
	}
	if b.root, err = moduleRoot(); err != nil {
		return nil, err
	}
	// Two files for each session of the crowd and one for each idle
	// connection, and some for everything else.
	if b.fileLimit, err = raiseFileLimit(uint64(max(2*o.crowd, o.idle)) + spareFiles); err != nil {
		return nil, err
	}
	if b.dir, err = os.MkdirTemp("", "acsgate-bench-"); err != nil {
		return nil, err
	}
	if b.cert, err = newCertificate(b.dir); err != nil {
		return nil, errors.Join(err, os.RemoveAll(b.dir))
	}
	b.gateway = o.gateway
	b.buildGateway()
	return b, nil
}

// moduleRoot is where go.mod is.
func moduleRoot() (string, error) {
	text, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("go env GOMOD: %w", err)
	}
	file := strings.TrimSpace(string(text))
	if file == "" || file == os.DevNull {
		return "", errors.New("the benchmark must be run inside the module: it builds acsgate from source")
	}
	return filepath.Dir(file), nil
}

// goEnv gives every Go process of the run the same number of threads.
func (b *bench) goEnv() []string { return []string{fmt.Sprintf("GOMAXPROCS=%d", b.procs)} }

// all runs the chosen sections and prints each when it is done.
func (b *bench) all(ctx context.Context) error {
	m := describeMachine(b.procs)
	fmt.Fprint(b.out, m.text())
	if b.gatewayMissing != nil {
		fmt.Fprintln(b.out, "acsgate ", b.gatewayMissing)
	}
	var reports []report
	failed := false
	for _, name := range b.sections() {
		start := time.Now()
		r, err := b.section(ctx, name)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		r.printText(b.out, !b.smoke)
		fmt.Fprintf(b.out, "\n(%s took %s)\n", name, time.Since(start).Round(100*time.Millisecond))
		reports, failed = append(reports, r), failed || r.failed
	}
	if b.markdown {
		if err := updateDocument(filepath.Join(b.root, b.document), m, reports, !b.smoke); err != nil {
			return err
		}
	}
	if failed {
		return errors.New("some sections did not run cleanly: see their notes")
	}
	return nil
}

// section runs one section by name.
func (b *bench) section(ctx context.Context, name string) (report, error) {
	switch name {
	case "sessions":
		return b.plainSessions(ctx)
	case "busy":
		return b.busySessions(ctx)
	case "tls":
		return b.tls13Sessions(ctx)
	case "tls12":
		return b.tls12Sessions(ctx)
	case "scan":
		return b.scan(ctx)
	case "body":
		return b.largeBody(ctx)
	case "registry":
		return b.registry(ctx)
	case "idle":
		return b.idleConnections(ctx)
	case "crowd":
		return b.crowdOfSessions(ctx)
	case "stun":
		return b.stunServers(ctx)
	case "bindings":
		return b.fullTable(ctx)
	case "wake":
		return b.wake(ctx)
	case "guard":
		return b.guard(ctx)
	case "failover":
		return b.failover(ctx)
	case "drain":
		return b.drain(ctx)
	case "campaign":
		return b.campaign(ctx)
	case "search":
		return b.search(ctx)
	case "events":
		return b.events(ctx)
	case "operate":
		return b.operate(ctx)
	default:
		return report{}, fmt.Errorf("unknown section %q", name)
	}
}
