package simnet

import (
	"context"
	"testing"
)

// BenchmarkSession is one session of each end together: new connection,
// Inform, empty POST, one RPC, 204.
func BenchmarkSession(b *testing.B) {
	a, err := NewACS(ACSConfig{Keep: -1, Script: Asking(GetValues("{root}DeviceInfo.SoftwareVersion"))})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	c, err := NewCPE(CPEConfig{URL: a.URL(), Make: easycwmp()})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Session(ctx); err != nil {
			b.Fatal(err)
		}
	}
	cancel()
	if err := <-done; err != nil {
		b.Fatal(err)
	}
}
