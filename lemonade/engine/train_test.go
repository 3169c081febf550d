package engine

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lemo-nade/lemonade/datasets"
	"github.com/lemo-nade/lemonade/lemonade/arch"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

const smallProgram = `
def network(x, classes):
    for filters in [16, 32]:
        x = relu(batch_norm(conv(x, filters, kernel = 3, stride = 2)))
    return dense(dropout(global_avg_pool(x), rate = 0.1), classes)
`

func smallJob(t testing.TB, epochs int) Job {
	set := digits(t)
	program := parse(t, smallProgram, arch.Shape(set.Shape), len(set.ClassNames))
	return Job{Network: program.Network, Recipe: program.Recipe, Set: set, Epochs: epochs, Seed: 1}
}

func train(t testing.TB, job Job) *Model {
	t.Helper()
	m, err := testEngine(t).Train(t.Context(), job, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	return m
}

// values copies all weights from the device.
func values(t testing.TB, m *Model) map[string][]float32 {
	t.Helper()
	out := map[string][]float32{}
	for _, w := range m.weights.list {
		v, err := w.read()
		if err != nil {
			t.Fatal(err)
		}
		out[w.name] = v
	}
	return out
}

// TestDigits trains a small network on real images, and checks what is told on the way.
func TestDigits(t *testing.T) {
	job := smallJob(t, 12)
	var phases []string
	job.OnPhase = func(phase string) { phases = append(phases, phase) }
	var told []trial.Progress
	m, err := testEngine(t).Train(t.Context(), job, func(p trial.Progress) { told = append(told, p) })
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if m.Accuracy < 0.95 || m.TrainAccuracy < 0.95 {
		t.Errorf("accuracy %.4f on validation, %.4f on training samples; want above 0.95", m.Accuracy, m.TrainAccuracy)
	}
	fit, validate := len(job.Set.Fit(0)), len(job.Set.Validate())
	if m.Trained != fit || m.Validated != validate {
		t.Errorf("counted %d training and %d validation samples; the set has %d and %d", m.Trained, m.Validated, fit, validate)
	}
	if hits := m.Accuracy * float64(validate); math.Abs(hits-math.Round(hits)) > 1e-9 {
		t.Errorf("accuracy %v is no count over %d samples", m.Accuracy, validate)
	}
	want := []string{trial.PhaseData, trial.PhaseCompile, trial.PhaseTrain}
	for range 12 { // validation after each epoch
		want = append(want, trial.PhaseEvaluate, trial.PhaseTrain)
	}
	want = append(want, trial.PhaseEvaluate) // the count of training samples
	if d := cmp.Diff(want, phases); d != "" {
		t.Errorf("phases (-want +got):\n%s", d)
	}
	var reports []trial.Epoch
	done := 0.0
	for _, p := range told {
		if p.Done < done || p.Done > 1 {
			t.Errorf("done went from %v to %v", done, p.Done)
		}
		done = p.Done
		if p.Report != nil {
			reports = append(reports, *p.Report)
		}
	}
	if d := cmp.Diff(m.Curve, reports); d != "" || len(reports) != 12 {
		t.Errorf("%d reports, other than the curve:\n%s", len(reports), d)
	}
	if first, last := m.Curve[0], m.Curve[11]; last.Loss >= first.Loss || last.Accuracy != m.Accuracy || last.Seconds <= first.Seconds {
		t.Errorf("the curve does not fit: %+v … %+v, accuracy %v", first, last, m.Accuracy)
	}
}

// TestQuality demands that the counts by class are those of the accuracy, of the set's
// own labels, after a training and after loading.
func TestQuality(t *testing.T) {
	job := smallJob(t, 3)
	m := train(t, job)
	path := filepath.Join(t.TempDir(), "weights.safetensors")
	if err := m.Save(path); err != nil {
		t.Fatal(err)
	}
	loaded, err := testEngine(t).Load(path, job.Network, job.Set, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(loaded.Close)
	if err := loaded.Validate(t.Context()); err != nil {
		t.Fatal(err)
	}
	q := m.Quality()
	if d := cmp.Diff(q, loaded.Quality()); d != "" {
		t.Errorf("the loaded model (-trained +loaded):\n%s", d)
	}

	var labels []int
	samples := map[int]int{}
	for _, k := range job.Set.Validate() {
		labels = append(labels, int(job.Set.Train.Labels[k]))
		samples[int(job.Set.Train.Labels[k])]++
	}
	right, sum := 0, 0
	got := map[int]int{}
	for _, r := range q.Recalls() {
		right, sum, got[r.Class] = right+r.Right, sum+r.Samples, r.Samples
	}
	if sum != len(labels) || sum != m.Validated || float64(right)/float64(sum) != m.Accuracy || q.Classes != 10 {
		t.Errorf("%d of %d right in %d classes; the accuracy is %v of %d", right, sum, q.Classes, m.Accuracy, m.Validated)
	}
	if d := cmp.Diff(samples, got); d != "" {
		t.Errorf("samples by class (-set +counted):\n%s", d)
	}
	wrong := map[[2]int]int{}
	for _, a := range q.Mistakes {
		if a.True != labels[a.Index] || a.Predicted == a.True || a.Confidence <= 0.1 || a.Confidence > 1 {
			t.Errorf("mistake %+v; the label is %d", a, labels[a.Index])
		}
		wrong[[2]int{a.True, a.Predicted}]++
	}
	if len(q.Mistakes) != min(sum-right, 40) || len(q.Mistakes) == 0 {
		t.Errorf("%d mistakes are kept of %d", len(q.Mistakes), sum-right)
	}
	for _, c := range q.Confusions() {
		if n := wrong[[2]int{c.True, c.Predicted}]; n > c.Count || sum-right <= 40 && n != c.Count {
			t.Errorf("%d of the mistakes kept are %d for %d, the matrix has %d", n, c.True, c.Predicted, c.Count)
		}
	}
}

// TestDeterminism demands the same weights, bit for bit, from the same seed, and
// others from another.
func TestDeterminism(t *testing.T) {
	if testEngine(t).gpu {
		t.Skip("promised on a CPU only")
	}
	job := augmentedJob(t, 1)
	first := values(t, train(t, job))
	if d := cmp.Diff(first, values(t, train(t, job))); d != "" {
		t.Errorf("two trainings from one seed differ:\n%s", d)
	}
	job.Seed = 2
	if cmp.Equal(first, values(t, train(t, job))) {
		t.Error("two seeds give the same weights")
	}
}

// TestStreamed demands of samples that are too many for the device the weights, the
// curve and the answers of those that lie there.
func TestStreamed(t *testing.T) {
	e := *testEngine(t)
	if e.gpu {
		t.Skip("promised on a CPU only")
	}
	images, texts := augmentedJob(t, 2), textJob(t, "global_avg_pool(x, mask)", Float32)
	texts.Recipe.TokenDropout = 0.1
	for _, c := range []struct {
		name    string
		job     Job
		collect func() (*samples, error)
	}{
		{"images", images, func() (*samples, error) { return collect(images.Set, 0) }},
		{"texts", texts, func() (*samples, error) { return order(4000, 500), nil }},
	} {
		t.Run(c.name, func(t *testing.T) {
			e.residentMax = 0
			whole, err := e.train(t.Context(), c.job, c.collect, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer whole.Close()
			e.residentMax = 1000
			part, err := e.train(t.Context(), c.job, c.collect, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer part.Close()
			if whole.data.streamed() || !part.data.streamed() || part.data.rows >= part.data.fit {
				t.Fatalf("%d of %d samples are on the device", part.data.rows, part.data.count())
			}
			if d := cmp.Diff(values(t, whole), values(t, part)); d != "" {
				t.Errorf("the weights differ:\n%s", d)
			}
			if whole.Accuracy != part.Accuracy || whole.TrainAccuracy != part.TrainAccuracy || whole.Loss != part.Loss || !cmp.Equal(whole.answers, part.answers) {
				t.Errorf("streamed: accuracy %v and loss %v; on the device: %v, %v", part.Accuracy, part.Loss, whole.Accuracy, whole.Loss)
			}
			run, err := part.Predictor(part.data.rows + 7)
			if err != nil {
				t.Fatal(err)
			}
			if err := run(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestStreams: the places of pixels are counted in 32 bits, which 8,192 images
// of 512×512 exceed, whatever memory there is.
func TestStreams(t *testing.T) {
	for _, c := range []struct {
		residentMax int64
		shape       []int
		count       int
		want        bool
	}{
		{0, []int{512, 512, 1}, 8191, false},
		{0, []int{512, 512, 1}, 8192, true},
		{0, []int{512, 512, 3}, 8192, true},
		{100, []int{10, 10, 1}, 1, false},
		{100, []int{10, 10, 1}, 2, true},
	} {
		s := &samples{shape: c.shape, labels: make([]int32, c.count)}
		if got := (&Engine{residentMax: c.residentMax}).streams(s.count()*s.size(), s.pixels()); got != c.want {
			t.Errorf("%d images %v with a limit of %d bytes: %v", c.count, c.shape, c.residentMax, got)
		}
	}
}

func TestResidentMax(t *testing.T) {
	for _, c := range []struct {
		set  string
		gpu  bool
		want int64
		err  bool
	}{
		{"", true, 4e9, false},
		{"", false, 0, false},
		{"0.5", false, 5e8, false},
		{"12", true, 12e9, false},
		{"4 GB", true, 0, true},
		{"0", true, 0, true},
		{"-1", true, 0, true},
		{"NaN", true, 0, true},
	} {
		t.Setenv(residentVar, c.set)
		got, err := residentMax(c.gpu)
		if got != c.want || (err != nil) != c.err || err != nil && !strings.Contains(err.Error(), residentVar+"="+c.set) {
			t.Errorf("%s=%q on a GPU %v: %d, %v; want %d", residentVar, c.set, c.gpu, got, err, c.want)
		}
	}
}

// augmentedJob is smallJob with every augmentation, on a set that all of them suit.
func augmentedJob(t testing.TB, epochs int) Job {
	job := smallJob(t, epochs)
	set := *job.Set
	set.Augment = datasets.Augment{Flip: true, Turn: true}
	job.Set = &set
	job.Recipe.Flip, job.Recipe.Turn, job.Recipe.Crop, job.Recipe.Cutout, job.Recipe.Mixup = true, true, 1, 2, 0.2
	return job
}

// TestSaveAndLoad demands the same weights and the same accuracy on samples as
// they are after a round trip, which the recipe has no part in.
func TestSaveAndLoad(t *testing.T) {
	job := augmentedJob(t, 2)
	m := train(t, job)
	path := filepath.Join(t.TempDir(), "weights.safetensors")
	if err := m.Save(path); err != nil {
		t.Fatal(err)
	}
	loaded, err := testEngine(t).Load(path, job.Network, job.Set, "")
	if err != nil {
		t.Fatal(err)
	}
	defer loaded.Close()
	if d := cmp.Diff(values(t, m), values(t, loaded)); d != "" {
		t.Errorf("weights changed:\n%s", d)
	}
	if err := loaded.Validate(t.Context()); err != nil {
		t.Fatal(err)
	}
	// It evaluates in batches of another size, so its loss is summed in another order.
	if loaded.Accuracy != m.Accuracy || math.Abs(loaded.Loss-m.Loss) > 1e-6*m.Loss || loaded.Validated != m.Validated {
		t.Errorf("loaded model validates to %v, %v; trained one to %v, %v", loaded.Accuracy, loaded.Loss, m.Accuracy, m.Loss)
	}
	if left, _ := filepath.Glob(path + ".*"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}

	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	other := parse(t, strings.ReplaceAll(smallProgram, "32", "24"), arch.Shape(job.Set.Shape), 10)
	if err := os.WriteFile(path+".cut", data[:len(data)-4], 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		path, want string
		net        *arch.Network
	}{
		{path, "tensor", other.Network},
		{path + ".cut", "offsets", job.Network},
		{path + ".none", "no such file", job.Network},
	} {
		if m, err := testEngine(t).Load(c.path, c.net, job.Set, ""); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("load %s gave %v, %v; want an error with %q", c.path, m, err, c.want)
		}
	}
}

// TestPredictor runs inference in batches that do not divide the samples.
func TestPredictor(t *testing.T) {
	m := train(t, smallJob(t, 1))
	for _, batch := range []int{1, 64, 1000} {
		run, err := m.Predictor(batch)
		if err != nil {
			t.Fatal(err)
		}
		for range 5 {
			if err := run(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := m.Predictor(0); err == nil {
		t.Error("a batch of 0 was accepted")
	}
	if got, want := m.MaxBatch(), evaluationBatch; !testEngine(t).gpu && got != want {
		t.Errorf("batches of up to %d may be tried; want %d, as evaluated", got, want)
	}
}

// TestNaN demands that a training that diverges stops and says where.
func TestNaN(t *testing.T) {
	job := smallJob(t, 3)
	job.Network = parse(t, "def network(x, classes):\n    return dense(flatten(exp(exp(exp(x * 5)))), classes)\n", arch.Shape(job.Set.Shape), 10).Network
	_, err := testEngine(t).Train(t.Context(), job, nil)
	if !errors.Is(err, ErrNaN) || !strings.Contains(err.Error(), "epoch 1 of 3") {
		t.Errorf("error is %v; want ErrNaN with its epoch", err)
	}
}

// TestCancel demands that a training ends between two steps.
func TestCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	began := time.Time{}
	_, err := testEngine(t).Train(ctx, smallJob(t, 100_000), func(p trial.Progress) {
		if p.Epoch > 0 && began.IsZero() {
			began = time.Now()
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v; want context.Canceled", err)
	}
	if late := time.Since(began); late > 10*time.Second {
		t.Errorf("ended %v after it was cancelled", late)
	}
}

// TestCheck demands that a training ends where it is told to, with that error and
// with the report of an epoch that was trained to its end.
func TestCheck(t *testing.T) {
	enough := errors.New("enough")
	for _, c := range []struct {
		name    string
		stop    func(epoch int, ended bool) bool
		want    string
		reports int
	}{
		{"after an epoch", func(epoch int, ended bool) bool { return epoch == 2 && ended }, "stopped after epoch 2 of 5: enough", 2},
		{"within an epoch", func(epoch int, ended bool) bool { return epoch == 2 && !ended }, "in epoch 2 of 5: enough", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			job := smallJob(t, 5)
			job.Check = func(epoch int, ended bool) error {
				if c.stop(epoch, ended) {
					return enough
				}
				return nil
			}
			reports := 0
			_, err := testEngine(t).Train(t.Context(), job, func(p trial.Progress) {
				if p.Report != nil {
					reports++
				}
			})
			if !errors.Is(err, enough) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error is %v; want one that wraps the check's and says %q", err, c.want)
			}
			if reports != c.reports {
				t.Errorf("%d epochs were reported; want %d", reports, c.reports)
			}
		})
	}
}

// TestBadJobs demands errors that name what is wrong.
func TestBadJobs(t *testing.T) {
	for _, c := range []struct {
		want string
		edit func(*Job)
	}{
		{"epochs is 0", func(j *Job) { j.Epochs = 0 }},
		{`optimizer "lion"`, func(j *Job) { j.Recipe.Optimizer = "lion" }},
		{`schedule "steps"`, func(j *Job) { j.Recipe.Schedule = "steps" }},
		{`precision "int8"`, func(j *Job) { j.Precision = "int8" }},
		{"takes samples of shape [9 9 1]", func(j *Job) {
			j.Network = parse(t, smallProgram, arch.Shape{9, 9, 1}, 10).Network
		}},
	} {
		job := smallJob(t, 1)
		c.edit(&job)
		if _, err := testEngine(t).Train(t.Context(), job, nil); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error is %v; want one with %q", err, c.want)
		}
	}
}

// TestBFloat16 trains in mixed precision, which a CPU can run if not profit from.
func TestBFloat16(t *testing.T) {
	job := smallJob(t, 12)
	job.Precision = BFloat16
	m := train(t, job)
	if m.Accuracy < 0.93 {
		t.Errorf("accuracy %.4f; want above 0.93", m.Accuracy)
	}
}

// TestAdamW trains with the other optimizer and schedule.
func TestAdamW(t *testing.T) {
	job := smallJob(t, 12)
	job.Recipe.Optimizer, job.Recipe.LearningRate, job.Recipe.WeightDecay = "adamw", 0.01, 0.05
	job.Recipe.Schedule, job.Recipe.LabelSmoothing, job.Recipe.Crop = "cosine", 0.1, 1
	m := train(t, job)
	if m.Accuracy < 0.93 {
		t.Errorf("accuracy %.4f; want above 0.93", m.Accuracy)
	}
}

// TestTest holds that the samples of another split are counted as those that validate
// are, and that counting them changes nothing.
func TestTest(t *testing.T) {
	job := smallJob(t, 1)
	m := train(t, job)
	before, validated := m.Accuracy, job.Set.Validate()
	size := len(job.Set.Train.Images) / job.Set.Train.Len()
	var split datasets.Split
	for _, row := range validated {
		split.Labels = append(split.Labels, job.Set.Train.Labels[row])
		split.Images = append(split.Images, job.Set.Train.Images[int(row)*size:][:size]...)
	}
	if got, err := m.Test(t.Context(), split); err != nil || got != before {
		t.Errorf("the validation samples as another split: %v, %v; want %v", got, err, before)
	}
	if got, err := m.Test(t.Context(), job.Set.Test); err == nil {
		t.Errorf("a second split of the same model: %v, want an error", got)
	}
	if err := m.Validate(t.Context()); err != nil || m.Accuracy != before {
		t.Errorf("afterwards %v validate, %v before (%v)", m.Accuracy, before, err)
	}

	// Samples that are too many for the device are counted alike.
	whole, err := train(t, job).Test(t.Context(), job.Set.Test)
	if err != nil {
		t.Fatal(err)
	}
	e := testEngine(t)
	most := e.residentMax
	t.Cleanup(func() { e.residentMax = most })
	m = train(t, job)
	e.residentMax = 1000
	if part, err := m.Test(t.Context(), job.Set.Test); err != nil || part != whole {
		t.Errorf("streamed %v (%v), whole %v", part, err, whole)
	}
}
