package gateway

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/acsgate/acsgate/internal/credential"
	"github.com/acsgate/acsgate/internal/cwmp"
)

// TestReload_PasswordFiles are read again though their names are the same. A file
// that holds none is refused, and nothing of that configuration applies.
func TestReload_PasswordFiles(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.stop()
	http, stun := filepath.Join(t.TempDir(), "http"), filepath.Join(t.TempDir(), "stun")
	write := func(file, text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(http, "h1")
	write(stun, "s1")
	w.extra = "credentials: {logins: [{username: gw, password_file: " + http + ", stun_username: \"{serial}\", stun_password_file: " + stun + "}]}\n"
	w.start()
	id := cwmp.DeviceID{OUI: "00D09E", SerialNumber: "SN1"}
	holds := func(when, httpPassword, stunPassword string) {
		t.Helper()
		set, err := w.reach.vault.Get(t.Context(), id)
		if err != nil || set.ConnectionRequest.Password != credential.Secret(httpPassword) || set.STUN.Password != credential.Secret(stunPassword) {
			t.Errorf("%s: the passwords are not %q and %q (%v)", when, httpPassword, stunPassword, err)
		}
		if got, _ := w.reach.vault.STUNPassword([]byte("SN1")); string(got) != stunPassword {
			t.Errorf("%s: the STUN server checks %q, want %q", when, got, stunPassword)
		}
	}
	holds("at the start", "h1", "s1")
	write(http, "h2\n")
	write(stun, "s2\n")
	if err := w.Reload(w.parse(w.extra)); err != nil {
		t.Fatal(err)
	}
	holds("after the reload", "h2", "s2")

	cfg := w.parse(w.extra)
	cfg.Routes[0].ACS = "north" // would show that something of it applies
	write(http, "h3")
	write(stun, "\n") // changed after the configuration was checked
	if err := w.Reload(cfg); err == nil || !strings.Contains(err.Error(), "holds no password") {
		t.Errorf("a file without a password: %v", err)
	}
	holds("after the refused reload", "h2", "s2")
	if got := w.session(w.cpe("sagemcom", 1)); got != "south" {
		t.Errorf("after the refused reload a session went to %s", got)
	}
}
