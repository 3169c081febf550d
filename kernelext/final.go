package kernelext

import (
	"context"
	"errors"
	"fmt"
	"html"
	"io"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/janpfeifer/gonb/gonbui"
	"github.com/spf13/cobra"

	"github.com/lemo-nade/lemonade/lemonade"
	"github.com/lemo-nade/lemonade/lemonade/benchmark"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// Final trains the study's front for long and counts on the test split, as
// [lemonade.Study.Final] does, says what happens meanwhile, and displays what came out.
func Final(ctx context.Context, s *lemonade.Study, o lemonade.FinalOptions) error {
	if err := final(ctx, os.Stdout, s, o); err != nil {
		return err
	}
	showFinals(os.Stdout, ViewOf(s))
	return nil
}

// Rank trains networks for long that are spread over the study's ranking, as
// [lemonade.Study.Rank] does, and displays how well short trainings rank long ones.
func Rank(ctx context.Context, s *lemonade.Study, o lemonade.RankOptions) error {
	if err := rankStudy(ctx, os.Stdout, s, o); err != nil {
		return err
	}
	return showRanking(os.Stdout, ViewOf(s))
}

// Baselines trains hand-written networks as the study's own are, as
// [lemonade.Study.Baselines] does, and displays them.
func Baselines(ctx context.Context, s *lemonade.Study, o lemonade.BaselineOptions) error {
	if err := baselines(ctx, os.Stdout, s, o); err != nil {
		return err
	}
	return showBaselines(os.Stdout, ViewOf(s))
}

func final(ctx context.Context, out io.Writer, s *lemonade.Study, o lemonade.FinalOptions) error {
	return telling(ctx, out, &o.On, func(ctx context.Context) error { _, err := s.Final(ctx, o); return err })
}

func rankStudy(ctx context.Context, out io.Writer, s *lemonade.Study, o lemonade.RankOptions) error {
	return telling(ctx, out, &o.On, func(ctx context.Context) error { _, err := s.Rank(ctx, o); return err })
}

func baselines(ctx context.Context, out io.Writer, s *lemonade.Study, o lemonade.BaselineOptions) error {
	return telling(ctx, out, &o.On, func(ctx context.Context) error { _, err := s.Baselines(ctx, o); return err })
}

func showFinals(out io.Writer, v View) {
	display(out, printable(strings.TrimPrefix(v.finalsText(), "\n")), v.partHTML(finalsHead, v.finalRows(), v.readsOf(0)))
}

func showRanking(out io.Writer, v View) error {
	r := v.ranking()
	if len(r.trials) < 2 {
		return errors.New("rank: fewer than two of the long trainings came to their end, so there is nothing to rank")
	}
	page, err := r.chart().html()
	if err != nil {
		return err
	}
	rows := r.rows()
	display(out, printable(aligned(rows, func(int) bool { return true })+r.words()+"\n"), libraryOnce()+page+v.partHTML("", rows, r.words()))
	return nil
}

func showBaselines(out io.Writer, v View) error {
	page := ""
	if c := v.tradeOff(); len(c.Series) > 0 {
		drawn, err := c.html()
		if err != nil {
			return err
		}
		page = libraryOnce() + drawn
	}
	display(out, printable(strings.TrimPrefix(v.baselinesText(), "\n")), page+v.partHTML(baselinesHead, v.baselineRows(), ""))
	return nil
}

// telling does some work whose events it tells: in a line of the notebook that is updated
// in place, or in lines of text. Interrupting it keeps what is complete.
func telling(ctx context.Context, out io.Writer, on *func(lemonade.Event), work func(context.Context) error) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt)
	defer stop()
	also, id := *on, newID()
	var last time.Time
	*on = func(e lemonade.Event) {
		if also != nil {
			also(e)
		}
		text := describeExtra(e)
		often, pace := e.Kind == lemonade.Progress, linePace
		if gonbui.IsNotebook {
			pace = frame
		}
		if text == "" || often && time.Since(last) < pace {
			return
		}
		last = time.Now()
		if gonbui.IsNotebook {
			send(id, printable(text), `<div style="font-size:13px">`+html.EscapeString(printable(text))+`</div>`)
		} else {
			fmt.Fprintln(out, printable(text))
		}
	}
	return work(ctx)
}

// describeExtra says in a line what an event of a training outside the search tells.
func describeExtra(e lemonade.Event) string {
	if e.Trial.ID >= 0 { // a note, which the log has told
		return ""
	}
	switch e.Kind {
	case lemonade.Began:
		return e.Text + ": begins"
	case lemonade.Ended:
		text := e.Text + ": " + Line(e.Trial)
		if _, ok := e.Trial.Metrics[trial.TestAccuracy]; ok {
			text += ", test accuracy " + measured(trial.TestAccuracy, e.Trial.Metrics)
		}
		return text
	}
	return e.Text + ": " + strings.TrimPrefix(Describe(e), fmt.Sprintf("trial %d: ", e.Trial.ID))
}

func finalCommand() *cobra.Command {
	var (
		dir    string
		asJSON bool
		rank   int
		o      lemonade.FinalOptions
	)
	c := inStudies(&cobra.Command{
		Use:   "final NAME",
		Short: "Train the front of the study NAME for long, and count once on the test split",
		Long: `Train the networks of the front of the study NAME anew: on all its training samples,
for longer, and from seeds that the search has not used; and count, once for each
trained network and when all else is done, how much of the test split it classifies
right. Nothing else reads the test split. Every access to it is recorded, with who,
when, network and seed, and no search sees what came out.

What is trained is kept: a final that was interrupted goes on, and one that is asked
for again answers from the record. No limit of the study stops a final.

With --rank N it measures how well short trainings rank long ones: it trains N
networks that are spread over the study's ranking, and says by Kendall's tau-b how
alike both order them. That is judged on the validation split; the test split is
not touched.`,
		Example: "  lemonade final first\n  lemonade final first --trials 3,7 --epochs 60 --seeds 5\n  lemonade final first --rank 15",
		Args:    cobra.ExactArgs(1),
	}, &dir)
	f := c.Flags()
	f.SortFlags = false
	f.IntSliceVar(&o.Trials, "trials", nil, "`ID,ID` of the trials whose networks are trained (default those of the front)")
	f.IntVar(&o.Epochs, "epochs", 0, fmt.Sprintf("`N` epochs of each training, no fewer than the study's (default %d times those)", lemonade.FinalTimes))
	f.IntVar(&o.Seeds, "seeds", 0, "`K` trainings of each network, each from another seed (default 3; with --rank 1)")
	f.IntVar(&rank, "rank", 0, fmt.Sprintf("`N` networks that are spread over the ranking, %d or more for a claim; no test split is read", benchmark.LeastItems))
	f.BoolVar(&asJSON, "json", false, "print what came out as JSON")
	c.MarkFlagsMutuallyExclusive("rank", "trials")
	completeTrials(c, &dir, "trials")
	c.RunE = func(c *cobra.Command, args []string) error {
		return withLogged(c, args[0], dir, func(s *lemonade.Study) error {
			out := c.OutOrStdout()
			lines := out
			if asJSON { // and nothing else, for scripts
				lines = c.ErrOrStderr()
			}
			ranking := c.Flags().Changed("rank")
			var err error
			if ranking {
				err = rankStudy(c.Context(), lines, s, lemonade.RankOptions{Networks: rank, Epochs: o.Epochs, Seeds: o.Seeds})
			} else {
				err = final(c.Context(), lines, s, o)
			}
			v := ViewOf(s)
			switch {
			case err != nil:
				return err
			case asJSON:
				return writeJSON(out, finalReportOf(v))
			case ranking:
				return showRanking(out, v)
			}
			showFinals(out, v)
			return nil
		})
	}
	return c
}

// finalReport is the long trainings of a study as scripts read them.
type finalReport struct {
	Study     string                 `json:"study"`
	Finals    []longRun              `json:"finals"`
	Ranked    []longRun              `json:"ranked"`  // trained for the ranking
	Ranking   *benchmark.Correlation `json:"ranking"` // of all that have both accuracies; null where there is none
	TestReads []trial.TestRead       `json:"test_reads"`
}

func finalReportOf(v View) finalReport {
	r := finalReport{
		Study: v.Name, Finals: append([]longRun{}, v.longRuns(trial.Final)...), Ranked: append([]longRun{}, v.longRuns(trial.Ranking)...),
		TestReads: append([]trial.TestRead{}, v.TestReads...),
	}
	if ranked := v.ranking(); len(ranked.trials) > 1 {
		r.Ranking = &ranked.result
	}
	return r
}

func baselinesCommand() *cobra.Command {
	var (
		dir string
		o   lemonade.BaselineOptions
	)
	c := inStudies(&cobra.Command{
		Use:   "baselines NAME",
		Short: "Train hand-written networks as those of the study NAME are, to hold it against them",
		Long: `Train networks that were written by hand as those of the study NAME are: on its samples,
for its epochs, from its seed. On images these are ResNet-20, a small network like
MobileNetV2 and a plain convolutional network; on texts the mean of the words'
vectors and a convolutional network over words. A recipe that the study has fixed
holds for them too; else they are trained with the one of a program that names none.

They are no part of the search: they count as no trial, no proposer sees them, and
they are on no front. The study's charts have them under their names, and "lemonade
compare NAME 3 resnet20" sets one beside a trial. Nothing is trained twice.`,
		Example: "  lemonade baselines first\n  lemonade baselines first --only cnn\n  lemonade compare first 3 resnet20",
		Args:    cobra.ExactArgs(1),
	}, &dir)
	c.Flags().StringSliceVar(&o.Names, "only", nil, "`NAME,NAME` of those that are trained: resnet20, mobilenet, cnn; of texts bag, textcnn (default all that suit the data)")
	c.RunE = func(c *cobra.Command, args []string) error {
		return withLogged(c, args[0], dir, func(s *lemonade.Study) error {
			if err := baselines(c.Context(), c.OutOrStdout(), s, o); err != nil {
				return err
			}
			return showBaselines(c.OutOrStdout(), ViewOf(s))
		})
	}
	return c
}

// withLogged opens a study that there is for work that takes long, and tells of its
// steps.
func withLogged(c *cobra.Command, name, dir string, use func(*lemonade.Study) error) (err error) {
	study, err := lemonade.Open(c.Context(), name, lemonade.Options{Dir: dir, Log: logTo(c)})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, study.Close()) }()
	return use(study)
}
