package cli

import (
	"github.com/spf13/cobra"

	"parley/cmd/parley/fetch"
	"parley/cmd/parley/plain"
)

// stdout is where -o - writes.
const stdout = "-"

func (a *app) fileGetCommand() *cobra.Command {
	var to string
	var force bool
	cmd := &cobra.Command{
		Use: "get ID [-o PATH] [--force]", Short: "Get a file", Args: args("ID"),
		Long: `Gets a file, into the working directory under its own name, or to where -o says: a path, a directory, or - for stdout. What is there
already is replaced with --force only. What has come when the connection breaks, or the command ends, stays in a
file beside it, .ID.part, and the next call goes on there. --timeout bounds how long nothing may come.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if to == stdout && a.json {
				return usageOf(cmd, "-o - and --json exclude each other: both write to stdout")
			}
			c, err := a.dial()
			if err != nil {
				return err
			}
			defer c.Close()
			ctx, cancel := a.bounded(cmd.Context())
			of, err := c.GetFile(ctx, args[0], a.fresh())
			cancel()
			if err != nil {
				return err
			}
			bar := a.progress(of.GetFile().GetName())
			moving, moved, stop := a.whileMoving(cmd.Context())
			progress := func(done, all int64) {
				moved()
				bar.at(done, all)
			}
			var path string
			if to == stdout {
				err = fetch.Content(moving, c, of.GetFile(), a.Out, progress)
			} else {
				path, err = fetch.File(moving, c, of.GetFile(), fetch.Options{To: to, Force: force, Progress: progress})
			}
			stop()
			bar.end()
			if err != nil || to == stdout {
				return err
			}
			j := struct {
				fileJSON
				Path string `json:"path"`
			}{jsonFile(of.GetFile()), path}
			return a.print(j, "%s: %d bytes", plain.Line(path), j.Size)
		},
	}
	cmd.Flags().StringVarP(&to, "output", "o", "", "where to write it; - is stdout")
	cmd.Flags().BoolVar(&force, "force", false, "replace what is there")
	return cmd
}
