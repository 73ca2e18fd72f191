package gateway

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/acsgate/acsgate/internal/simnet"
)

// TestRollBack_Login: a CPE that is set back logs in as the ACS that it returns to
// knows it, and not with the password of the one that it leaves.
func TestRollBack_Login(t *testing.T) {
	t.Parallel()
	file := func(text string) string {
		path := filepath.Join(t.TempDir(), "secret")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	login := func(user, password string) string {
		return fmt.Sprintf(", cpe_login: {username: %q, password_file: %q}", user, file(password))
	}
	w := newMoveWorld(t, moveSetup{north: login("n-{serial}", "north's"), south: login("s-{serial}", "south's")})
	c := w.known("", 1, func(c *simnet.CPEConfig) { c.Username, c.Password = "n-"+c.Device.SerialNumber, "north's" })
	w.begin(drainTo("rewrite"))
	w.member("d", c, "asked")
	want(t, w.live(c), "north", "south")
	w.member("d", c, "arrived")
	w.act("d", "rollback")
	w.member("d", c, "undoing")
	want(t, w.live(c), "south", "north")
	w.member("d", c, "undone")
	for name, wanted := range map[string]string{"Username": "n-" + c.Device().SerialNumber, "Password": "north's"} {
		if p, _ := c.Tree().Get(c.Make().Root + "ManagementServer." + name); p.Value != wanted {
			t.Errorf("%s is %q, want %q", name, p.Value, wanted)
		}
	}
}
