package tlsconf

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"

	"github.com/caddyserver/certmagic"
	"github.com/mholt/acmez/v3/acme"
)

// storedAccount is an ACME account with its key, as the store holds it.
type storedAccount struct {
	Account acme.Account `json:"account"`
	KeyPEM  []byte       `json:"key_pem"`
}

// accountKey is where the account is kept: one for each CA and email.
func (i *issuer) accountKey() string {
	who := i.setup.cfg.Email
	if who == "" {
		who = "default"
	}
	keys := certmagic.StorageKeys
	return path.Join("acme", keys.Safe(i.setup.issuerKey), keys.Safe(who), "account.json")
}

// account returns the account at the CA, and makes one if there is none yet.
func (i *issuer) account(ctx context.Context, client *acme.Client) (acme.Account, error) {
	account, err := i.loadAccount(ctx)
	if !errors.Is(err, fs.ErrNotExist) {
		return account, err
	}
	lock := "register_" + i.setup.issuerKey
	if err := i.setup.storage.Lock(ctx, lock); err != nil {
		return acme.Account{}, err
	}
	defer func() { _ = i.setup.storage.Unlock(context.WithoutCancel(ctx), lock) }()
	account, err = i.loadAccount(ctx) // another process may have been first
	if !errors.Is(err, fs.ErrNotExist) {
		return account, err
	}
	return i.register(ctx, client)
}

func (i *issuer) loadAccount(ctx context.Context) (acme.Account, error) {
	data, err := i.setup.storage.Load(ctx, i.accountKey())
	if err != nil {
		return acme.Account{}, err
	}
	var stored storedAccount
	if err := json.Unmarshal(data, &stored); err != nil {
		return acme.Account{}, fmt.Errorf("stored acme account: %w", err)
	}
	stored.Account.PrivateKey, err = certmagic.PEMDecodePrivateKey(stored.KeyPEM)
	if err != nil {
		return acme.Account{}, fmt.Errorf("stored acme account: %w", err)
	}
	return stored.Account, nil
}

func (i *issuer) register(ctx context.Context, client *acme.Client) (acme.Account, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return acme.Account{}, err
	}
	account, err := client.NewAccount(ctx, acme.Account{
		Contact:              contactOf(i.setup.cfg.Email),
		TermsOfServiceAgreed: true,
		PrivateKey:           key,
	})
	if err != nil {
		return acme.Account{}, fmt.Errorf("register acme account: %w", err)
	}
	keyPEM, err := certmagic.PEMEncodePrivateKey(key)
	if err != nil {
		return acme.Account{}, err
	}
	data, err := json.Marshal(storedAccount{Account: account, KeyPEM: keyPEM})
	if err != nil {
		return acme.Account{}, err
	}
	return account, i.setup.storage.Store(ctx, i.accountKey(), data)
}

// forgetAccount makes the next order register anew.
func (i *issuer) forgetAccount(ctx context.Context) error {
	return i.setup.storage.Delete(ctx, i.accountKey())
}
