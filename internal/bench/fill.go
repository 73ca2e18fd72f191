package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/acsgate/acsgate/internal/device"
	"github.com/acsgate/acsgate/internal/device/devicetest"
	"github.com/acsgate/acsgate/internal/store/boltstore"
)

// fillRegistry makes a data directory whose store knows n devices of the ACS
// that acsgate is measured with.
func fillRegistry(ctx context.Context, dir string, n int) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	var c boltstore.Config
	c.SetDefaults()
	c.Path = filepath.Join(dir, c.Path)
	s, err := boltstore.Open(c, time.Now)
	if err != nil {
		return err
	}
	err = devicetest.Fill(ctx, s, n, func(i int) device.Record {
		record := devicetest.Record(i)
		record.CurrentACS = gatewayACS
		return record
	})
	return errors.Join(err, s.Close())
}
