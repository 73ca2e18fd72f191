package proxy

import (
	"strings"
	"testing"
	"time"
)

// TestInjection_DetailHoldsNoSecret: CPEs repeat in a fault what they were to be
// set to, which may be a password. Details of injections are logged and shown.
func TestInjection_DetailHoldsNoSecret(t *testing.T) {
	p := &program{last: &RPCResult{FaultCode: "9007", FaultString: `Invalid value "hunter2"`}}
	outcome, why := new(injector).verdict(p, false, time.Now())
	if outcome != InjectionFault || !strings.Contains(why, "9007") || strings.Contains(why, "hunter2") {
		t.Errorf("%s: %s", outcome, why)
	}
}
