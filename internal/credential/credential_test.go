package credential

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

const hidden = "hunter2"

// TestSecretsAreNeverShown prints what holds a secret in every way.
func TestSecretsAreNeverShown(t *testing.T) {
	set := Set{Login{"u", hidden}, Login{"s", hidden}}
	v := mustOpen(t, Config{Logins: []LoginConfig{{Username: "a", PasswordFile: passwordFile(t, hidden), STUNUsername: "b", STUNPasswordFile: passwordFile(t, hidden)}}},
		t.TempDir(), depsFor(t, newStore(t)))
	v.Learn(device("1"), set)
	secrets := []string{hidden, fmt.Sprintf("%x", hidden), string(v.key), fmt.Sprintf("%x", v.key), fmt.Sprintf("%d", []byte(hidden)), fmt.Sprintf("%d", v.key)}
	values := map[string]any{
		"secret": Secret(hidden), "pointer": new(Secret), "login": set.STUN, "set": set, "set pointer": &set, "vault": v, "vault value": struct{ V *Vault }{v},
		"map": map[string]Secret{"a": hidden}, "slice": []Set{set}, "any": []any{Secret(hidden), set},
		"error": fmt.Errorf("login %v: %+v: %w", set, Secret(hidden), errors.New("x")),
	}
	*values["pointer"].(*Secret) = hidden
	for name, value := range values {
		var shown strings.Builder
		for _, verb := range []string{"v", "+v", "#v", "s", "q", "x", "X", "d", "t", "08.3f"} {
			fmt.Fprintf(&shown, "%"+verb+"\n", value)
		}
		text, err := json.Marshal(value)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		shown.Write(text)
		shown.WriteString(logged(t, value))
		for _, secret := range secrets {
			if strings.Contains(strings.ToLower(shown.String()), secret) {
				t.Errorf("%s: %q is shown in\n%s", name, secret, shown.String())
			}
		}
	}
}

// logged is how the loggers write a value.
func logged(t *testing.T, value any) string {
	t.Helper()
	var buf bytes.Buffer
	for _, enc := range []zapcore.Encoder{zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), zapcore.NewConsoleEncoder(zap.NewDevelopmentEncoderConfig())} {
		log := zap.New(zapcore.NewCore(enc, zapcore.AddSync(&buf), zap.DebugLevel))
		log.Info("m", zap.Any("value", value), zap.Reflect("reflected", value), zap.Any("values", []any{value}))
		log.Sugar().Infof("%v %s %d", value, value, value)
		log.Sugar().Infow("m", "value", value)
	}
	slog.New(slog.NewTextHandler(&buf, nil)).Info("m", "value", value)
	slog.New(slog.NewJSONHandler(&buf, nil)).Info("m", "value", value)
	return buf.String()
}

func TestSecret_EmptyIsShownAsSuch(t *testing.T) {
	if got := fmt.Sprintf("%v|%#v|%s", Secret(""), Secret(""), Secret("x")); got != "||***" {
		t.Errorf("%q", got)
	}
	if Secret("").GoString() != `""` || Secret("x").GoString() != `"***"` {
		t.Error("GoString")
	}
}

func TestSet_Over(t *testing.T) {
	got := Set{STUN: Login{Username: "new"}}.Over(full)
	want := full
	want.STUN.Username = "new"
	if got != want {
		t.Errorf("%q, want %q", string(got.STUN.Password), string(want.STUN.Password))
	}
	if (Set{}).Over(full) != full || full.Over(Set{}) != full {
		t.Error("an empty set changes something")
	}
}
