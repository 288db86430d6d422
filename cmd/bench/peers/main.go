// Command peers measures other Rafts as cmd/bench measures Parley: three nodes in one process, on loopback and with
// real syncs on one disk, driven by the same closed loops (cmd/bench/load), and prints the same JSON. It is a module
// of its own, so that nobody who uses Parley builds what it is compared with. docs/benchmarks.md, section Peers, has
// the commands.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"parley/cmd/bench/load"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := command().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "peers:", err)
		os.Exit(1)
	}
}

// options are the flags of a point, and of a run of many.
type options struct {
	callers     int
	payload     int
	op          string
	measure     time.Duration
	warm        time.Duration
	dir         string
	connections int
	streams     int
	rate        int
	one         bool
	profile     string
	shape       load.Shape
}

func command() *cobra.Command {
	var r run
	root := &cobra.Command{
		Use:   "peers",
		Short: "Measure other Rafts, and Parley beside them",
		Long: `Measures peers in rounds: in each round every peer, and Parley if asked, has its turn in a process of its own. A
turn during which others used more processors than --foreign-max is discarded, whatever came out, counted, and
repeated in the next round. What is printed are medians over the turns that were kept.

` + peerTable() + `
Use a directory on a real disk: syncs on tmpfs cost nothing and say nothing.`,
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE:          func(cmd *cobra.Command, _ []string) error { return r.all(cmd.Context()) },
	}
	f := root.Flags()
	r.addTo(f)
	f.StringSliceVar(&r.peers, "peer", []string{"all"}, strings.Join(peerNames(), ", ")+", all, or none (Parley alone)")
	f.IntSliceVar(&r.counts, "callers", []int{256}, "closed loops; a list measures one point each; 0: none, where there are streams instead")
	f.IntVar(&r.rounds, "rounds", 1, "turns to keep of each")
	f.Float64Var(&r.foreignMax, "foreign-max", 0.35, "processors that others may use during a turn")
	f.IntVar(&r.discardsMax, "discards-max", 10, "turns of each point to discard before giving up")
	f.StringArrayVar(&r.parley, "with-parley", nil, "also run cmd/bench with these arguments, which go before this run's own: raft, or 'service --op send'; can be repeated")
	f.BoolVar(&r.each, "each", false, "also print every turn, kept or not")
	f.BoolVar(&r.json, "json", false, "print JSON, one object a line")
	root.AddCommand(pointCommand(), simCommand())
	return root
}

func (o *options) addTo(f *pflag.FlagSet) {
	f.IntVar(&o.payload, "payload", 128, "bytes of a command")
	f.StringVar(&o.op, "op", "put", "put, read (linearizable), or lock (lock and unlock; etcd alone)")
	f.DurationVar(&o.measure, "for", 5*time.Second, "how long to measure")
	f.DurationVar(&o.warm, "warm", time.Second, "how long to run before")
	f.StringVar(&o.dir, "dir", ".", "where to make the data directories, removed in the end")
	f.IntVar(&o.connections, "connections", 0, "client connections of a gRPC peer; 0: as many as are best (callers/64, at least 1; 50 for grpc-fanout)")
	f.IntVar(&o.streams, "streams", 5000, "streams of grpc-fanout")
	f.IntVar(&o.rate, "rate", 20, "messages a second of grpc-fanout")
	f.BoolVar(&o.one, "one", false, "lock: all callers want the same")
	o.shape.AddTo(f)
	f.StringVar(&o.profile, "cpuprofile", "", "write a processor profile of the last turn of each peer to this file, with the peer's name behind")
}

func (o *options) check() error {
	switch {
	case o.payload < load.KeyLen:
		return fmt.Errorf("--payload must be at least %d, for the key", load.KeyLen)
	case o.op != "put" && o.op != "read" && o.op != "lock":
		return fmt.Errorf("--op is %q; it can be put, read or lock", o.op)
	case o.connections < 0 || o.streams < 1 || o.rate < 1:
		return errors.New("--streams and --rate must be at least 1, and --connections at least 0")
	}
	return o.shape.Check()
}

// say tells on stderr what is going on.
func say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "peers: "+format+"\n", args...)
}
