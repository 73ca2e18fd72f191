package webhook

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// newClient returns a client for one webhook. It follows no redirect, by which events
// would go to somebody whom nobody has named, and asks no proxy of the environment.
func newClient(h *Hook) (*http.Client, error) {
	t := &http.Transport{
		Proxy:               nil,
		DialContext:         (&net.Dialer{Timeout: h.Timeout}).DialContext,
		TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2:   true,
		MaxIdleConnsPerHost: 1, IdleConnTimeout: 90 * time.Second, DisableCompression: true, MaxResponseHeaderBytes: 64 << 10,
	}
	if h.RootCAFile != "" {
		roots, err := readRoots(h.RootCAFile)
		if err != nil {
			return nil, fmt.Errorf("root_ca_file %q: %w", h.RootCAFile, err)
		}
		t.TLSClientConfig.RootCAs = roots
	}
	return &http.Client{
		Transport: t, Timeout: h.Timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

// attempt sends a delivery once. The error says why it was not taken; after is how
// long the receiver wants to be left alone.
func (h *hook) attempt(ctx context.Context, d *delivery) (r result, after time.Duration, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, h.URL, bytes.NewReader(d.body))
	if err != nil {
		return failed, 0, withoutURL(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "acsgate")
	request.Header.Set(DeliveryHeader, d.id)
	request.Header.Set(SignatureHeader, Sign(h.secret, h.now(), d.body))
	response, err := h.client.Do(request)
	if err != nil {
		return failed, 0, withoutURL(err)
	}
	_, _ = io.CopyN(io.Discard, response.Body, 4<<10) // so that the connection can be used again
	_ = response.Body.Close()
	switch code := response.StatusCode; code {
	case http.StatusBadRequest, http.StatusGone, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity:
		return refused, 0, fmt.Errorf("answered with status %d", code)
	default:
		if code >= 200 && code < 300 {
			return delivered, 0, nil
		}
		if seconds, err := strconv.Atoi(response.Header.Get("Retry-After")); err == nil && seconds > 0 {
			after = min(time.Duration(min(seconds, 3600))*time.Second, maxDelay)
		}
		return failed, after, fmt.Errorf("answered with status %d", code)
	}
}

// withoutURL keeps the URL, which may have a secret in it, out of logs.
func withoutURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// Times between attempts. All of them together take some ten minutes.
const (
	maxAttempts = 12
	firstDelay  = time.Second
	maxDelay    = 2 * time.Minute
)

// delay is how long to wait after the n-th attempt, from 1, has failed. It doubles
// from time to time; random, from 0 to 1, spreads it over its upper half, so that
// gateways that failed together do not come together again.
func delay(n int, random float64) time.Duration {
	d := maxDelay
	if n < 8 {
		d = min(firstDelay<<(n-1), maxDelay)
	}
	return d/2 + time.Duration(random*float64(d/2))
}
