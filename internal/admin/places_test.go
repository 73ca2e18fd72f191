package admin

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/acsgate/acsgate/internal/cwmp"
)

func TestPlaces_OneTokenLeavesRoomForOthers(t *testing.T) {
	var p places
	enter := func(name string, scoped bool) int {
		who := Identity{Name: name}
		if scoped {
			who.Scope.OUI = []string{"00D09E"}
		}
		var refused *problem
		if err := p.enter(who, room{all: 10, token: 6, scoped: 2}, "are here"); errors.As(err, &refused) {
			return refused.Status
		}
		return 200
	}
	for i, step := range []struct {
		name   string
		scoped bool
		times  int
		then   int
	}{{"a", false, 6, 429}, {"tenant", true, 2, 429}, {"b", false, 2, 503}, {"other tenant", true, 0, 503}} {
		for range step.times {
			if got := enter(step.name, step.scoped); got != 200 {
				t.Fatalf("%d: %d", i, got)
			}
		}
		if got := enter(step.name, step.scoped); got != step.then {
			t.Errorf("%d: one more is %d, want %d", i, got, step.then)
		}
	}
	p.leave(Identity{Name: "b"})
	if got := enter("c", false); got != 200 || len(p.names) != 4 {
		t.Errorf("%d, %v", got, p.names)
	}
}

// TestAPI_ATenantsWakesLeaveRoom: neither single wakes nor bulks of one tenant take
// the places of others.
func TestAPI_ATenantsWakesLeaveRoom(t *testing.T) {
	for name, test := range map[string]struct {
		path, body string
		most       int
	}{
		"single": {"devices/" + tenantDevice.String() + "/connection-request", "", wakeRoom.scoped},
		"bulk":   {"connection-requests", `{"all":true}`, largeRoom.scoped},
	} {
		t.Run(name, func(t *testing.T) {
			f, s := startFake(t, nil)
			begun, release := make(chan struct{}), make(chan struct{})
			wait := func(ctx context.Context) {
				begun <- struct{}{}
				select {
				case <-release:
				case <-ctx.Done():
				}
			}
			single, bulk := f.Wake, f.WakeMany
			f.API.Wake = func(ctx context.Context, id cwmp.DeviceID) (WakeResult, error) { wait(ctx); return single(ctx, id) }
			f.API.WakeMany = func(ctx context.Context, s Selection, tell func(Progress)) (Progress, error) {
				wait(ctx)
				return bulk(ctx, s, tell)
			}
			answers := make(chan int, test.most+1)
			send := func(token string) {
				status, _, _ := do(t, s, "POST", PathAPI+test.path, "Bearer "+token, test.body)
				answers <- status
			}
			for range test.most {
				go send(tenantToken)
				<-begun
			}
			api(t, s, tenantToken, "POST", test.path, test.body).wantStatus(t, 429)
			go send(operatorToken)
			<-begun
			close(release)
			for range test.most + 1 {
				if status := <-answers; status != 200 {
					t.Errorf("%d", status)
				}
			}
		})
	}
}

// TestAPI_ATenantsBodiesAreSmaller than those that may list every device.
func TestAPI_ATenantsBodiesAreSmaller(t *testing.T) {
	_, s := startFake(t, nil)
	body := `{"devices":["` + strings.Repeat("x", maxScopedBody) + `"]}`
	api(t, s, tenantToken, "POST", "connection-requests", body).wantStatus(t, 413)
	api(t, s, operatorToken, "POST", "connection-requests", body).wantStatus(t, 400)
}
