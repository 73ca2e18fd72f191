package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/acsgate/acsgate/connreq"
	"github.com/acsgate/acsgate/internal/admin"
	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/store/memstore"
	"github.com/acsgate/acsgate/stunsrv"
)

// wakeRow adds latencies to the table, and returns their 99th percentile.
func (r *report) wakeRow(name string, latencies []time.Duration, cpu time.Duration) (p99 float64) {
	slices.Sort(latencies)
	ms := func(q float64) float64 { return milliseconds(quantile(latencies, q)) }
	each := "-"
	if cpu > 0 {
		each = fmt.Sprintf("%.0f", float64(cpu.Microseconds())/float64(len(latencies)))
	}
	r.table.rows = append(r.table.rows, []string{
		name, fmt.Sprint(len(latencies)), fmt.Sprintf("%.3f", ms(0.5)), fmt.Sprintf("%.3f", ms(0.99)), fmt.Sprintf("%.3f", ms(1)), "-", each,
	})
	return ms(0.99)
}

// wakeAlone measures the service that makes requests and the STUN socket that
// they leave from, without HTTP and without a store on disk.
func (b *bench) wakeAlone(ctx context.Context, r *report) error {
	socket, err := newCPESocket(0)
	if err != nil {
		return err
	}
	defer socket.close()
	if err := socket.stampArrivals(); err != nil {
		return err
	}
	registry := prometheus.NewRegistry()
	stun, err := stunsrv.New(stunsrv.Config{Listen: []string{"127.0.0.1:0"}}, stunsrv.TURNConfig{}, stunsrv.Deps{
		Sighted: func([]stunsrv.Sighting) {}, Metrics: registry, Log: zap.NewNop(), Now: time.Now,
	})
	if err != nil {
		return err
	}
	defer stun.Close()
	service, err := connreq.New(connreq.Config{HTTP: connreq.HTTPConfig{Disabled: true}}, connreq.Deps{
		Target: func(id cwmp.DeviceID) (connreq.Target, bool) {
			var n int
			_, err := fmt.Sscanf(id.SerialNumber, "BENCH%d", &n)
			remote := netip.AddrPortFrom(fleetAddress(n), socket.port)
			return connreq.Target{
				Device: id, Local: stun.Addrs()[0], Remote: remote, Logins: []connreq.Login{{Username: "cr", Password: wakeToken}},
			}, err == nil
		},
		SendUDP: stun.SendFrom, Store: memstore.New(time.Now), Metrics: registry, Log: zap.NewNop(), Now: time.Now,
	})
	if err != nil {
		return err
	}
	running, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- service.Run(running) }()
	latencies, err := wakeEach(ctx, socket, 0, b.wakes, waker{
		ready: func() error { return nil },
		wake: func(n int) error {
			_, err := service.Begin(numberedDevice(n), "bench")
			return err
		},
	})
	cancel()
	r.wakeRow("service alone", latencies, 0)
	return errors.Join(err, <-ended)
}

// waker wakes CPEs, one after the other.
type waker struct {
	ready func() error // what must be done before the next call and is no part of it
	wake  func(cpe int) error
}

// wakeEach calls for some CPEs and measures until the datagram of each is there.
func wakeEach(ctx context.Context, socket *cpeSocket, from, n int, w waker) ([]time.Duration, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	pace := time.NewTicker(wakePace)
	defer pace.Stop()
	var latencies []time.Duration
	for cpe := from; cpe < from+n; cpe++ {
		<-pace.C
		if err := w.ready(); err != nil {
			return latencies, err
		}
		start := time.Now()
		if err := w.wake(cpe); err != nil {
			return latencies, err
		}
		err := socket.awaitDatagrams(ctx, wakePatience, func(got int, at time.Time) bool {
			if got == cpe {
				latencies = append(latencies, at.Sub(start))
			}
			return got == cpe // others are copies
		})
		if err != nil {
			return latencies, fmt.Errorf("device %d: %w", cpe, err)
		}
	}
	return latencies, nil
}

// wakeByAPI measures calls of acsgate's API.
func (b *bench) wakeByAPI(ctx context.Context, r *report) error {
	clients := min(wakeClients, b.wakes)
	p, socket, err := b.wakeGateway(ctx, clients+b.wakes, fmt.Sprintf(", timeout: %v, udp: {copies: [0s, 500ms]}", wakeTimeout))
	if err != nil {
		return err
	}
	defer p.end()
	defer socket.close()
	c, err := dialAPI(p.admin, clients)
	if err != nil {
		return err
	}
	defer c.close()
	w := waker{ready: c.ready, wake: c.wake}
	if _, err := wakeEach(ctx, socket, 0, clients, w); err != nil { // each connection once
		return err
	}
	before, err := p.usage()
	if err != nil {
		return err
	}
	latencies, err := wakeEach(ctx, socket, clients, b.wakes, w)
	if err != nil {
		return err
	}
	after, err := p.usage()
	p99 := r.wakeRow("API, one by one", latencies, after.CPU-before.CPU)
	r.figures = append(r.figures, newFigure("from the call to the datagram, 99th percentile, ms", "%.2f", p99, wakeMilliseconds, atMost))
	return err
}

// apiClients are connections to the API, which are used in turn.
type apiClients struct {
	conns []net.Conn
	reads []*bufio.Reader
	calls int
}

func dialAPI(address string, n int) (*apiClients, error) {
	c := &apiClients{}
	for range n {
		conn, err := net.DialTimeout("tcp", address, wakePatience)
		if err != nil {
			c.close()
			return nil, err
		}
		c.conns, c.reads = append(c.conns, conn), append(c.reads, bufio.NewReader(conn))
	}
	return c, nil
}

func (c *apiClients) close() {
	for _, conn := range c.conns {
		_ = conn.Close()
	}
}

// ready reads what the next connection's call before this one has brought.
func (c *apiClients) ready() error {
	if c.calls < len(c.conns) {
		return nil
	}
	return c.answer(c.calls % len(c.conns))
}

func (c *apiClients) wake(cpe int) error {
	conn := c.conns[c.calls%len(c.conns)]
	c.calls++
	_, err := io.WriteString(conn, "POST "+admin.PathAPI+"devices/"+numberedDevice(cpe).String()+"/connection-request HTTP/1.1\r\n"+
		"Host: localhost\r\nAuthorization: Bearer "+wakeToken+"\r\nContent-Length: 0\r\n\r\n")
	return err
}

func (c *apiClients) answer(i int) error {
	if err := c.conns[i].SetReadDeadline(time.Now().Add(wakePatience)); err != nil {
		return err
	}
	response, err := http.ReadResponse(c.reads[i], nil)
	if err != nil {
		return fmt.Errorf("answer of the API: %w", err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("the API answers %s: %s", response.Status, firstLine(text))
	}
	return err
}
