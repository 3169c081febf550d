package profile

import (
	"fmt"

	"github.com/lemo-nade/lemonade/lemonade/energy"
	"github.com/lemo-nade/lemonade/lemonade/energy/carbon"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

const joulesPerKWh = 3.6e6

// Training returns training_time (s), training_energy (kWh, the power usage
// effectiveness included) and co2e (g) of a window around the epochs of a training
// with the validation after each. Where its energy is unknown, Joules being 0, only
// the time is returned; where nothing was measured at all, nothing is.
func Training(e energy.Energy, account trial.Accounting) trial.Metrics {
	const what = "epochs with the validation after each"
	metrics := trial.Metrics{}
	if e.Seconds > 0 {
		metrics[trial.TrainingTime] = trial.Measurement{Value: e.Seconds, Unit: "s", Method: trial.MethodTimed, Note: what}
	}
	if e.Joules <= 0 {
		return metrics
	}
	how := fmt.Sprintf("%s; PUE %.2f; CPU %.4g J, GPU %.4g J", what, account.PUE, e.CPU, e.GPU)
	used := quotient([]energy.Energy{e}, []float64{joulesPerKWh / account.PUE}, "kWh", how)
	metrics[trial.TrainingEnergy] = used

	co2e := carbon.CO2e(used.Value, account)
	co2e.Low, co2e.High, co2e.Idle = times(used.Low, account.Intensity), times(used.High, account.Intensity), times(used.Idle, account.Intensity)
	co2e.Quality = used.Quality
	co2e.Note += "; energy by " + e.Method
	metrics[trial.CO2e] = co2e
	return metrics
}

// Forecast returns what a training of so many epochs will take, of which the first
// has taken e: each of the others as much.
func Forecast(e energy.Energy, epochs int, account trial.Accounting) *trial.Forecast {
	so := Training(e, account)
	return &trial.Forecast{
		Energy:  so[trial.TrainingEnergy].Value * float64(epochs),
		Seconds: so[trial.TrainingTime].Value * float64(epochs),
	}
}

// times returns v·factor, or nil for nil.
func times(v *float64, factor float64) *float64 {
	if v == nil {
		return nil
	}
	product := *v * factor
	return &product
}
