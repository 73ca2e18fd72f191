package telemetry

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

func TestNewRegistry_HoldsRuntimeAndProcess(t *testing.T) {
	families := gather(t, NewRegistry())
	for _, name := range []string{"go_goroutines", "process_resident_memory_bytes"} {
		if !families[name] {
			t.Errorf("%s is missing", name)
		}
	}
}

func TestNewRegistry_IsNotShared(t *testing.T) {
	one, two := NewRegistry(), NewRegistry()
	if err := RegisterBuild(one, "v1"); err != nil {
		t.Fatal(err)
	}
	if err := RegisterBuild(two, "v2"); err != nil {
		t.Fatal(err)
	}
	if n := testutil.CollectAndCount(two, "acsgate_build_info"); n != 1 {
		t.Errorf("%d build_info series, want 1", n)
	}
	if gather(t, prometheus.DefaultGatherer.(*prometheus.Registry))["acsgate_build_info"] {
		t.Error("the default registry was touched")
	}
}

func gather(t *testing.T, g prometheus.Gatherer) map[string]bool {
	t.Helper()
	families, err := g.Gather()
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, f := range families {
		names[f.GetName()] = true
	}
	return names
}
