package main

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Targets of waking CPEs.
const (
	wakeMilliseconds = 1      // from the API call to the datagram, 99th percentile
	wakeRate         = 20_000 // CPEs a second, of many at once
)

const (
	// wakePace is the time from one call to the next.
	wakePace = 10 * time.Millisecond
	// wakeTimeout is for how long acsgate waits for a CPE, which never comes, and so
	// how long a call takes.
	wakeTimeout = time.Second
	// wakeClients are as many connections as have a call under way at a time, and
	// some more; acsgate takes no more than 128.
	wakeClients = int(wakeTimeout/wakePace) * 6 / 5
	// wakePatience bounds the wait for one datagram.
	wakePatience = 10 * time.Second
)

const wakeToken = "benchmark-token-of-loopback"

// wake measures how soon UDP Connection Requests leave.
func (b *bench) wake(ctx context.Context) (report, error) {
	r := report{section: "wake", title: "Waking CPEs by UDP Connection Requests"}
	r.table.header = []string{"what", "devices", "p50 ms", "p99 ms", "longest ms", "devices/s", "CPU µs/device"}
	if err := b.wakeAlone(ctx, &r); err != nil {
		return r, fmt.Errorf("the service alone: %w", err)
	}
	if b.gatewayMissing != nil {
		r.note("%s: %v", kindGateway, b.gatewayMissing)
		return r, nil
	}
	if err := b.wakeByAPI(ctx, &r); err != nil {
		return r, fmt.Errorf("one by one: %w", err)
	}
	if err := b.wakeBulk(ctx, &r); err != nil {
		return r, fmt.Errorf("all at once: %w", err)
	}
	r.note("One by one: a call each %v on connections that are open, each to another device; the time ends when the kernel has the "+
		"datagram in the CPE's socket. At once: one call for all, until the first copy has reached the last of them, while second and third "+
		"copies leave. No CPE answers.", wakePace)
	return r, nil
}

// wakeGateway starts acsgate with a fleet whose CPEs share a socket.
func (b *bench) wakeGateway(ctx context.Context, devices int, extra string) (*proxy, *cpeSocket, error) {
	socket, err := newCPESocket(0)
	if err != nil {
		return nil, nil, err
	}
	p, err := b.startWakeGateway(ctx, socket.port, devices, extra)
	if err == nil {
		err = socket.stampArrivals()
	}
	if err != nil {
		socket.close()
		return nil, nil, err
	}
	return p, socket, nil
}

func (b *bench) startWakeGateway(ctx context.Context, port uint16, devices int, extra string) (*proxy, error) {
	return b.startFleetGateway(ctx, port, devices, setup{acs: "127.0.0.1:9", extra: extra})
}

// startFleetGateway starts acsgate with the bindings of a fleet; what s says as
// extra belongs to the section connection_request.
func (b *bench) startFleetGateway(ctx context.Context, port uint16, devices int, s setup) (*proxy, error) {
	address, err := b.ports.free()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(b.dir, "acsgate-wake-")
	if err != nil {
		return nil, err
	}
	s.dataDir, s.token = filepath.Join(dir, "data"), filepath.Join(dir, "token")
	if err := os.WriteFile(s.token, []byte(wakeToken), 0o600); err != nil {
		return nil, err
	}
	f := boundFleet{size: devices, stun: netip.MustParseAddrPort(address), port: port}
	if err := fillFleet(ctx, s.dataDir, f); err != nil {
		return nil, fmt.Errorf("fill a store: %w", err)
	}
	s.extra = fmt.Sprintf(`stun: {listen: [%q]}
credentials: {logins: [{username: "cr-{serial}", password_file: %q}]}
connection_request: {http: {disabled: true}%s}
`, address, s.token, s.extra)
	return b.startProxy(ctx, kindGateway, s)
}

// awaitDatagrams receives until done returns true, which is told of each UDP
// Connection Request: of which CPE it is, and when the kernel had it.
func (s *cpeSocket) awaitDatagrams(ctx context.Context, limit time.Duration, done func(cpe int, at time.Time) bool) error {
	for end := time.Now().Add(limit); time.Now().Before(end); {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := s.receive()
		if err != nil {
			return err
		}
		if n == 0 {
			s.wait(10 * time.Millisecond)
		}
		for i := range n {
			cpe, err := requested(s.datagram(i))
			if err != nil {
				return err
			}
			if done(cpe, s.arrival(i)) {
				return nil
			}
		}
	}
	return fmt.Errorf("datagrams are missing after %v", limit)
}

// requested returns the CPE that a UDP Connection Request is for.
func requested(datagram []byte) (cpe int, err error) {
	rest, ok := strings.CutPrefix(string(datagram), "GET http://")
	authority, _, found := strings.Cut(rest, "?")
	if !ok || !found {
		return 0, fmt.Errorf("%q is no UDP Connection Request", datagram)
	}
	to, err := netip.ParseAddrPort(strings.TrimSuffix(authority, "/"))
	if err != nil {
		return 0, err
	}
	return fleetNumber(to.Addr()), nil
}
