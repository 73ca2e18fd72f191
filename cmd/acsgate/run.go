package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/acsgate/acsgate/internal/commandline"
	"github.com/acsgate/acsgate/internal/gateway"
)

const defaultConfig = "/etc/acsgate/acsgate.yaml"

// defineRun runs the gateway until SIGTERM or SIGINT; SIGHUP reloads.
func defineRun(flags *flag.FlagSet) commandline.Run {
	path := flags.String("config", defaultConfig, "configuration `file`")
	profile := flags.String("pprof", "", "serve Go profiles on this loopback `address`, such as 127.0.0.1:6060")
	return func(ctx context.Context, _ []string, _, errs io.Writer) error {
		return runGateway(ctx, *path, *profile, errs)
	}
}

func runGateway(ctx context.Context, path, profile string, errs io.Writer) error {
	cfg, err := loadConfig(path)
	if err != nil {
		return err
	}
	stopProfiles, err := serveProfiles(profile, errs)
	if err != nil {
		return commandline.UsageError{Err: err}
	}
	defer stopProfiles()
	g, err := gateway.New(cfg, gateway.Options{Version: version, ConfigFile: path, LogTo: errs})
	if err != nil {
		return err
	}
	defer runtime.KeepAlive(tuneGC())
	reloading, stop := context.WithCancel(ctx)
	defer stop()
	reloaded := make(chan struct{})
	go func() {
		defer close(reloaded)
		reloadOnHangup(reloading, g, errs)
	}()
	err = g.Run(ctx)
	stop()
	<-reloaded
	return err
}

// tuneGC trades memory for time where each is cheap. The collector runs when the
// heap has grown by half; a gateway with few devices and connections has a heap
// so small that this would be twenty times a second. So there is a ballast that
// nobody touches, which takes address space alone. GOGC in the environment wins
// over the half. The ballast must be kept reachable.
func tuneGC() (ballast []byte) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(50)
	}
	return make([]byte, 64<<20)
}

// reloadOnHangup reloads at each SIGHUP until ctx ends. A configuration with
// problems changes nothing.
func reloadOnHangup(ctx context.Context, g *gateway.Gateway, errs io.Writer) {
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangup:
			if err := g.ReloadFile(); err != nil {
				fmt.Fprintf(errs, "acsgate: error: configuration not reloaded, the running one stays: %v\n", err)
			}
		}
	}
}

// serveProfiles serves net/http/pprof on a loopback address; "" serves nothing.
func serveProfiles(address string, errs io.Writer) (stop func(), err error) {
	if address == "" {
		return func() {}, nil
	}
	host, _, err := net.SplitHostPort(address)
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
		return nil, fmt.Errorf("-pprof %q is not a loopback address such as 127.0.0.1:6060", address)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			fmt.Fprintf(errs, "acsgate: error: profiles are not served any more: %v\n", err)
		}
	}()
	return func() {
		if err := server.Close(); err != nil {
			fmt.Fprintf(errs, "acsgate: error: profiles: %v\n", err)
		}
		<-done
	}, nil
}
