package admin

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
)

func TestProbe_TellsWhatTheGatewaySays(t *testing.T) {
	s := start(t, Deps{
		Live:  ok,
		Ready: func() error { return errors.New("no ACS is up\ndraining") },
	})
	if err := Probe(t.Context(), s.Addr().String(), PathLive); err != nil {
		t.Errorf("a live gateway: %v", err)
	}
	err := Probe(t.Context(), s.Addr().String(), PathReady)
	if err == nil || err.Error() != "not ready: no ACS is up: draining" {
		t.Errorf("a gateway that is not ready: %v", err)
	}
}

func TestProbe_FailsWhenNobodyListens(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	if err := Probe(t.Context(), address, PathLive); err == nil || !strings.Contains(err.Error(), address) {
		t.Errorf("error %v", err)
	}
}

func TestProbe_ObeysItsContext(t *testing.T) {
	s := start(t, Deps{Live: ok, Ready: ok})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Probe(ctx, s.Addr().String(), PathLive); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestDialAddress(t *testing.T) {
	for listen, dial := range map[string]string{
		":8080": "127.0.0.1:8080", "0.0.0.0:8080": "127.0.0.1:8080", "[::]:8080": "[::1]:8080",
		"10.0.0.1:8080": "10.0.0.1:8080", "[::1]:8080": "[::1]:8080", "gate.internal:8080": "gate.internal:8080", "8080": "8080",
	} {
		if got := dialAddress(listen); got != dial {
			t.Errorf("dialAddress(%q) = %q, want %q", listen, got, dial)
		}
	}
}
