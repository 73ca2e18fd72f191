package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// child is a process that the benchmark started and will end.
type child struct {
	name string
	cmd  *exec.Cmd
	log  string // file of its output
	in   io.WriteCloser
	done chan struct{} // closed once it has ended
}

// command says how to start a child.
type command struct {
	name string
	argv []string
	env  []string // in addition to this process's
	dir  string   // for its log file
	out  io.Writer
}

// start runs the command. Its standard input stays open until stop; children
// of our own end when it closes. Output goes to a file in dir, or to out.
func (c command) start() (*child, error) {
	logFile, err := os.CreateTemp(c.dir, filepath.Base(c.argv[0])+"-*.log")
	if err != nil {
		return nil, err
	}
	defer logFile.Close()
	cmd := exec.Command(c.argv[0], c.argv[1:]...)
	cmd.Env = append(os.Environ(), c.env...)
	cmd.Stdout, cmd.Stderr = logFile, logFile
	if c.out != nil {
		cmd.Stdout = c.out
	}
	dieWithParent(cmd)
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s: %w", c.name, err)
	}
	p := &child{name: c.name, cmd: cmd, log: logFile.Name(), in: in, done: make(chan struct{})}
	go func() { // ends with the process, which stop waits for
		defer close(p.done)
		_ = cmd.Wait() // how it ended shows in its log
	}()
	return p, nil
}

func (p *child) pid() int { return p.cmd.Process.Pid }

// stop asks the process to end, insists after ten seconds, and waits for it.
func (p *child) stop() {
	_ = p.in.Close()                          // children of our own end by it
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // fails only when it has ended
	select {
	case <-p.done:
	case <-time.After(10 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.done
	}
}

// await polls ready every few milliseconds until it succeeds, the process
// ends, ctx ends or limit passes.
func (p *child) await(ctx context.Context, limit time.Duration, ready func() error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		err := ready()
		if err == nil {
			return nil
		}
		select {
		case <-p.done:
			return fmt.Errorf("%s ended at its start: %s", p.name, p.tail())
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w", p.name, errors.Join(ctx.Err(), err))
		case <-tick.C:
		}
	}
}

// tail is the end of the process's output.
func (p *child) tail() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(text[max(0, len(text)-2000):]))
}

// dialable succeeds when a TCP connection to address can be opened.
func dialable(address string) func() error {
	return func() error {
		conn, err := net.DialTimeout("tcp", address, time.Second)
		if err != nil {
			return err
		}
		return conn.Close()
	}
}
