package connreq

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"syscall"
	"time"
)

const (
	// fieldTime is how long the rest of a head may take once the status line is
	// there: Orange's agent never ends its head (quirk C-87).
	fieldTime = 2 * time.Second
	// drainTime is how long a body is waited for. Nobody reads it, but a simple
	// server may die of a connection that is reset while it writes.
	drainTime  = 500 * time.Millisecond
	drainBytes = 64 << 10
)

// roundTrip sends one GET on a connection of its own, from source if that is valid,
// and reads the answer. left is called once the request has left.
func roundTrip(ctx context.Context, to *httpTarget, source netip.Addr, authorization string, left func()) (answer, error) {
	conn, err := connect(ctx, to.addr, source)
	if err != nil {
		return answer{}, describe(ctx, fmt.Sprintf("cannot connect to %s", to.addr), err)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	if deadline, ok := ctx.Deadline(); ok {
		conn.SetDeadline(deadline)
	}
	if _, err := conn.Write(requestBytes(to, authorization)); err != nil {
		return answer{}, describe(ctx, fmt.Sprintf("cannot send to %s", to.addr), err)
	}
	left()
	a, err := readAnswer(conn, func() { shorten(ctx, conn, fieldTime) })
	if err != nil {
		return answer{}, describe(ctx, fmt.Sprintf("no answer from %s", to.addr), err)
	}
	if a.whole {
		drain(ctx, conn, &a)
	}
	return a, nil
}

// requestBytes writes the request with path and Host byte for byte as the CPE's URL
// has them (quirk C-81).
func requestBytes(to *httpTarget, authorization string) []byte {
	b := make([]byte, 0, 512)
	b = append(append(b, "GET "...), to.path...)
	b = append(append(b, " HTTP/1.1\r\nHost: "...), to.authority...)
	if authorization != "" {
		b = append(append(b, "\r\nAuthorization: "...), authorization...)
	}
	return append(b, "\r\nConnection: close\r\n\r\n"...)
}

// connect dials from the address that the CPE talks to: icwmp opens its firewall to
// no other (quirk C-80). Where this machine does not have that address, for it is a
// load balancer's, or is of the other family, the kernel chooses.
func connect(ctx context.Context, to netip.AddrPort, source netip.Addr) (net.Conn, error) {
	source = plainAddr(source)
	if !source.IsValid() || source.IsUnspecified() || source.Is4() != to.Addr().Is4() {
		return (&net.Dialer{}).DialContext(ctx, "tcp", to.String())
	}
	bound := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(source, 0)), Control: lateBind}
	conn, err := bound.DialContext(ctx, "tcp", to.String())
	if errors.Is(err, syscall.EADDRNOTAVAIL) {
		return (&net.Dialer{}).DialContext(ctx, "tcp", to.String())
	}
	return conn, err
}

// shorten ends all reads after d, or at the deadline of ctx if that is sooner.
func shorten(ctx context.Context, conn net.Conn, d time.Duration) {
	at := time.Now().Add(d)
	if deadline, ok := ctx.Deadline(); ok && deadline.Before(at) {
		at = deadline
	}
	conn.SetReadDeadline(at)
}

// drain lets the CPE write the body that it has announced.
func drain(ctx context.Context, conn net.Conn, a *answer) {
	want := int64(drainBytes)
	if framing, err := a.Framing(); err == nil && framing.Length >= 0 && !framing.Chunked {
		want = min(want, framing.Length-int64(a.rest))
	}
	if want <= 0 {
		return
	}
	shorten(ctx, conn, drainTime)
	_, _ = io.CopyN(io.Discard, conn, want)
}

// describe says in words why an exchange has failed.
func describe(ctx context.Context, what string, err error) error {
	var timeout net.Error
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return fmt.Errorf("%s: %w", what, ctx.Err())
	case ctx.Err() != nil, errors.As(err, &timeout) && timeout.Timeout():
		return fmt.Errorf("%s in time", what)
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("%s: connection refused", what)
	case errors.Is(err, syscall.ECONNRESET):
		return fmt.Errorf("%s: connection reset", what)
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return fmt.Errorf("%s: no route", what)
	}
	return fmt.Errorf("%s: %w", what, err)
}
