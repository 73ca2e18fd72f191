package admin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// maxAnswer bounds what Probe reads of an answer, in bytes.
const maxAnswer = 4 << 10

// Probe asks the admin listener at address, as it is configured, for one of
// its health paths. It returns nil when the answer is 200 and otherwise an
// error that says what the gateway gave as its reasons. The time that it may
// take is ctx's. It is what `acsgate health` and so a container's health check
// run.
func Probe(ctx context.Context, address, path string) error {
	return (&Client{Address: address}).Probe(ctx, path)
}

// Probe is the function of that name, for listeners that speak HTTPS too. It sends
// no token.
func (c *Client) Probe(ctx context.Context, path string) error {
	address := c.Address
	base, transport, err := c.transport()
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, base+path, nil)
	if err != nil {
		return fmt.Errorf("admin address %q: %w", address, err)
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return fmt.Errorf("admin listener %s: %w", address, err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("admin listener %s: %w", address, err)
	}
	if response.StatusCode != http.StatusOK {
		return errors.New(strings.Join(strings.Split(strings.TrimSpace(string(body)), "\n"), ": "))
	}
	return nil
}

// dialAddress turns an address to listen on into one to connect to: where the
// listener takes every address, loopback is one of them.
func dialAddress(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	ip, err := netip.ParseAddr(host)
	switch {
	case host == "" || err == nil && ip == netip.IPv4Unspecified():
		host = "127.0.0.1"
	case err == nil && ip == netip.IPv6Unspecified():
		host = "::1"
	}
	return net.JoinHostPort(host, port)
}
