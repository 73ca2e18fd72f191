package simnet

import (
	"context"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// startACS runs an ACS until the test ends.
func startACS(t *testing.T, cfg ACSConfig) *ACS {
	t.Helper()
	a, err := NewACS(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return a
}

// newTestCPE makes a CPE for the ACS.
func newTestCPE(t *testing.T, a *ACS, m Make, change func(*CPEConfig)) *CPE {
	t.Helper()
	cfg := CPEConfig{URL: a.URL(), Make: m, Trace: true}
	if change != nil {
		change(&cfg)
	}
	c, err := NewCPE(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// mustSucceed holds a session and fails the test when it does not complete.
func mustSucceed(t *testing.T, c *CPE, events ...string) Result {
	t.Helper()
	r, err := c.Session(t.Context(), events...)
	if err != nil {
		t.Fatalf("session of %s: %v\nstatuses: %v", c.make.Name, err, r.Statuses())
	}
	return r
}

func known(t *testing.T, name string) Make {
	t.Helper()
	m, ok := MakeNamed(name)
	if !ok {
		t.Fatalf("no make %q", name)
	}
	return m
}

var testScript = Asking(GetValues("{root}DeviceInfo.SoftwareVersion"), SetValue("{root}DeviceInfo.ProvisioningCode", "a&b<c>"))

func user(c *CPEConfig) { c.Username, c.Password = "cpe1", "cpepw" }
