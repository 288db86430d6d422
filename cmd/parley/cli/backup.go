package cli

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"parley/cmd/node/restore"
	"parley/cmd/parley/fetch"
	"parley/cmd/parley/plain"
	"parley/raft"
)

// backupJSON is a backup as --json prints it.
type backupJSON struct {
	Path     string `json:"path"`
	Cluster  string `json:"cluster"`
	Position uint64 `json:"position"`
	Time     string `json:"time"`
	Files    uint64 `json:"files"`
	Bytes    int64  `json:"bytes"`
}

func (a *app) backupCommand() *cobra.Command {
	return &cobra.Command{
		Use: "backup PATH", Short: "Write a copy of everything to a file, while the cluster works", Args: args("PATH"),
		Long: `Writes all that the cluster holds at one position, and the content of all files, to PATH, which must not exist. The
file is readable by its user alone (0600): it has everybody's messages and the hashes of passwords. It
gets its name when it is whole and was checked; until then it is PATH.part, where the same command goes on if it was broken off. --timeout bounds how long nothing may come.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.dial()
			if err != nil {
				return err
			}
			defer c.Close()
			moving, moved, stop := a.whileMoving(cmd.Context())
			defer stop()
			whole, err := fetch.Backup(moving, c, args[0], func(int64) { moved() })
			if err != nil {
				return err
			}
			j := backupJSON{Path: args[0], Cluster: whole.Cluster.String(), Position: uint64(whole.Position), Time: wallText(whole.Wall),
				Files: whole.Blobs, Bytes: whole.Bytes}
			return a.print(j, "%s: cluster %s at position %d, with the contents of %d files, %d bytes",
				plain.Line(args[0]), j.Cluster, j.Position, j.Files, j.Bytes)
		},
	}
}

func (a *app) restoreCommand() *cobra.Command {
	var o restore.Options
	cmd := &cobra.Command{
		Use: "restore PATH --dir D [--id N] [--client-addr A] [--peer-addr P]", Short: "Make the first node of a new cluster out of a backup", Args: args("PATH"),
		Long: `Checks all of a backup, and makes D, which must not exist or be empty, the directory of the first node of a new
cluster, with all that the old one had. It has an id of its own, another key that signs tokens, and nobody is logged in: positions and
fences go on far above those of the old cluster. Then start it with node start --dir D, and add others with
node start --join and parley cluster add. The nodes of the old cluster are not touched; stop them first, or there are two.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Path = args[0]
			if o.Dir == "" {
				return usageOf(cmd, "--dir is missing")
			}
			done, err := restore.Run(o)
			if err != nil {
				return err
			}
			return a.printRestored(&done)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.Dir, "dir", "", "the directory that is to be made")
	f.Uint64Var(&o.ID, "id", 1, "the node's id")
	f.StringVar(&o.ClientAddr, "client-addr", "127.0.0.1:50051", "where it is to listen for clients, HOST:PORT")
	f.StringVar(&o.PeerAddr, "peer-addr", "127.0.0.1:50151", "where it is to listen for the other nodes, HOST:PORT")
	return cmd
}

func (a *app) printRestored(done *restore.Done) error {
	r := &done.Report
	j := struct {
		Dir         string `json:"dir"`
		Cluster     string `json:"cluster"`
		Of          string `json:"of"`
		At          uint64 `json:"at"`
		Position    uint64 `json:"position"`
		Files       int    `json:"files"`
		FileBytes   int64  `json:"file_bytes"`
		FilesLost   int    `json:"files_lost"`
		BackupBegun string `json:"backup_begun"`
	}{done.Dir, r.New.Cluster.String(), r.Old.String(), uint64(r.Last.Index), uint64(r.Base.Index), r.Blobs - r.MissingBlobs, r.BlobBytes, r.MissingBlobs, wallText(r.Wall)}
	if a.json {
		return a.printJSON(j)
	}
	lost := ""
	if j.FilesLost > 0 {
		lost = fmt.Sprintf("\nOf %d files the old cluster had no content any more.", j.FilesLost)
	}
	_, err := fmt.Fprintf(a.Out, `%s is the start of cluster %s, with what cluster %s had at position %d (backup of %s), and %d files.
It begins at position %d; nobody is logged in.%s

  node start --dir %s
`, plain.Line(j.Dir), j.Cluster, j.Of, j.At, j.BackupBegun, j.Files, j.Position, lost, plain.Line(j.Dir))
	return err
}

// wallText is a node's clock as it is printed.
func wallText(w raft.Wall) string { return time.Unix(0, int64(w)).UTC().Format(time.RFC3339) }
