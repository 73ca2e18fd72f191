package main

import (
	"context"
	"io"
	"os"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/acsgate/acsgate/internal/admin"
)

// TestLive runs the commands that speak to a running gateway against that of the
// demo: it has two ACSs, CPEs that come again and again, and one behind a NAT.
func TestLive(t *testing.T) {
	d, err := newDemo(io.Discard, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(d.dir)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = d.run(ctx, 0) // sessions under way fail when it ends
	}()
	t.Cleanup(func() { stop(); <-done })
	t.Setenv(admin.TokenVariable, d.home.token)
	client := admin.Client{Address: d.gateway.AdminAddr()}
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		page, err := client.Bindings(t.Context(), admin.BindingQuery{Limit: 1})
		others, _ := client.Devices(t.Context(), admin.DeviceQuery{OUI: "149182", ACS: "south"})
		if err == nil && len(page.Bindings) == 1 && len(others.Devices) > 0 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("the CPE behind the NAT has no binding, or the one of south no session: %v", err)
		}
	}
	// Scripts run at the same time, and are waited for by a test of their own.
	t.Run("scripts", func(t *testing.T) {
		testscript.Run(t, testscript.Params{Dir: "testdata/live", Setup: func(env *testscript.Env) error {
			env.Setenv(admin.TokenVariable, d.home.token)
			env.Setenv(addressVariable, d.gateway.AdminAddr())
			env.Setenv("DEVICE", d.home.device.String())
			env.Setenv("SERIAL", d.home.device.SerialNumber)
			return nil
		}})
	})
}
