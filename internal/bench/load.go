package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// sessionTimeout bounds one session of the load, and one dial.
const sessionTimeout = 20 * time.Second

// target is where simulated CPEs connect.
type target struct {
	address string
	tls     *tls.Config // nil: plain HTTP
	path    string
}

// dial opens a CPE's connection from the n-th source address, with the
// session's deadline set.
func (t target) dial(ctx context.Context, n int) (net.Conn, error) {
	return t.dialFrom(ctx, sourceAddress(n))
}

func (t target) dialFrom(ctx context.Context, source *net.TCPAddr) (net.Conn, error) {
	d := net.Dialer{Timeout: sessionTimeout, LocalAddr: source, Control: lateBind}
	conn, err := d.DialContext(ctx, "tcp4", t.address)
	if err != nil {
		return nil, err
	}
	if err := conn.SetDeadline(time.Now().Add(sessionTimeout)); err != nil {
		conn.Close()
		return nil, err
	}
	if t.tls == nil {
		return conn, nil
	}
	secure := tls.Client(conn, t.tls)
	if err := secure.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	return secure, nil
}

// sources is the number of loopback addresses that CPEs come from, so that
// neither local ports nor limits per source bound a run.
const sources = 64

func sourceAddress(n int) *net.TCPAddr {
	return &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(1+n%sources))}
}

// load is a fixed number of sessions held by a fixed number of workers, each
// session on a new connection.
type load struct {
	target   target
	script   *cpeScript
	sessions int
	workers  int
	device   func(session int) cwmp.DeviceID
}

// loadResult says how a load went. Latencies are those of the successful
// sessions, from dialling to the last answer, in ascending order.
type loadResult struct {
	Took      time.Duration
	Latencies []time.Duration
	Failures  int
	FirstErr  error
}

// run holds the sessions and waits for all of them; when ctx ends, sessions
// that have not started count as failures.
func (l *load) run(ctx context.Context) loadResult {
	var next atomic.Int64
	results := make([]loadResult, l.workers)
	var workers sync.WaitGroup
	start := time.Now()
	for w := range l.workers {
		workers.Go(func() { results[w] = l.work(ctx, w, &next) })
	}
	workers.Wait()
	return merge(results, time.Since(start))
}

func (l *load) work(ctx context.Context, worker int, next *atomic.Int64) loadResult {
	var r loadResult
	c := newCPE(l.script, l.target.path)
	for n := int(next.Add(1)) - 1; n < l.sessions; n = int(next.Add(1)) - 1 {
		start := time.Now()
		if err := l.session(ctx, c, worker, n); err != nil {
			r.fail(fmt.Errorf("session %d: %w", n, err))
			continue
		}
		r.Latencies = append(r.Latencies, time.Since(start))
	}
	return r
}

func (l *load) session(ctx context.Context, c *cpe, worker, n int) error {
	conn, err := l.target.dial(ctx, worker)
	if err != nil {
		return err
	}
	defer conn.Close()
	c.connect(conn)
	return c.session(l.device(n))
}

func (r *loadResult) fail(err error) {
	r.Failures++
	if r.FirstErr == nil {
		r.FirstErr = err
	}
}

// rate is the number of successful sessions a second.
func (r *loadResult) rate() float64 {
	return float64(len(r.Latencies)) / r.Took.Seconds()
}

func merge(parts []loadResult, took time.Duration) loadResult {
	all := loadResult{Took: took}
	for _, p := range parts {
		all.Latencies = append(all.Latencies, p.Latencies...)
		all.Failures += p.Failures
		if all.FirstErr == nil {
			all.FirstErr = p.FirstErr
		}
	}
	slices.Sort(all.Latencies)
	return all
}
