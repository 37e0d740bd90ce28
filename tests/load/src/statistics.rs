//! Statistical tests: whether two samples differ by more than chance.

/// The result of Welch's test.
#[derive(Clone, Copy, Debug)]
pub struct Welch {
    /// The distance of the means in units of the standard error of their difference.
    pub t: f64,
    /// The degrees of freedom (Welch and Satterthwaite).
    pub freedom: f64,
    /// The probability that chance alone brings the means at least this far apart.
    pub p: f64,
}

/// Compares the means of two samples whose variances may differ. Each sample needs at least two values.
pub fn welch(a: &[f64], b: &[f64]) -> Welch {
    let [(mean_a, error_a), (mean_b, error_b)] = [a, b].map(mean_and_squared_error);
    let squared_error = error_a + error_b;
    let t = (mean_a - mean_b) / squared_error.sqrt();
    let part = |error: f64, sample: &[f64]| error * error / (sample.len() as f64 - 1.0);
    let freedom = squared_error * squared_error / (part(error_a, a) + part(error_b, b));
    Welch { t, freedom, p: incomplete_beta(freedom / 2.0, 0.5, freedom / (freedom + t * t)) }
}

/// The median.
pub fn median(sample: &[f64]) -> f64 {
    let mut sorted = sample.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The line of best fit (least squares): its value at zero and its slope.
pub fn trend(points: &[(f64, f64)]) -> (f64, f64) {
    let count = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let covariance: f64 = points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum();
    let variance: f64 = points.iter().map(|point| (point.0 - x) * (point.0 - x)).sum();
    let rise = covariance / variance;
    (y - rise * x, rise)
}

fn mean_and_squared_error(sample: &[f64]) -> (f64, f64) {
    let count = sample.len() as f64;
    let mean = sample.iter().sum::<f64>() / count;
    let variance = sample.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / (count - 1.0);
    (mean, variance / count)
}

/// The regularised incomplete beta function, by its continued fraction (DLMF 8.17.22) and the method of Lentz.
fn incomplete_beta(a: f64, b: f64, x: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return x.clamp(0.0, 1.0);
    }
    // The fraction converges fast on this side only. The other side follows by symmetry.
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - incomplete_beta(b, a, 1.0 - x);
    }
    let before = ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b) + a * x.ln() + b * (1.0 - x).ln();
    const TINY: f64 = 1e-300;
    let (mut c, mut d) = (1.0, 1.0 / not_zero(1.0 - (a + b) * x / (a + 1.0), TINY));
    let mut value = d;
    for term in 2..1_000 {
        let m = f64::from(term / 2);
        let numerator = if term % 2 == 0 {
            m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m))
        } else {
            -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0))
        };
        d = 1.0 / not_zero(1.0 + numerator * d, TINY);
        c = not_zero(1.0 + numerator / c, TINY);
        let change = c * d;
        value *= change;
        if (change - 1.0).abs() < 1e-14 {
            break;
        }
    }
    before.exp() / a * value
}

fn not_zero(value: f64, tiny: f64) -> f64 {
    if value.abs() < tiny { tiny } else { value }
}

/// The logarithm of the gamma function for positive values, by the Lanczos approximation.
fn ln_gamma(x: f64) -> f64 {
    const COEFFICIENTS: [f64; 8] = [
        676.520_368_121_885_1,
        -1_259.139_216_722_402_8,
        771.323_428_777_653_1,
        -176.615_029_162_140_6,
        12.507_343_278_686_905,
        -0.138_571_095_265_720_12,
        9.984_369_578_019_572e-6,
        1.505_632_735_149_311_6e-7,
    ];
    if x < 0.5 {
        // Reflection formula.
        let pi = std::f64::consts::PI;
        return (pi / (pi * x).sin()).ln() - ln_gamma(1.0 - x);
    }
    let x = x - 1.0;
    let series =
        COEFFICIENTS.iter().zip(1_u8..).fold(0.999_999_999_999_809_9, |sum, (coefficient, place)| {
            sum + coefficient / (x + f64::from(place))
        });
    let t = x + 7.5;
    0.5 * (2.0 * std::f64::consts::PI).ln() + (x + 0.5) * t.ln() - t + series.ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn assert_near(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-6, "{found} is not {expected}");
    }

    #[test]
    fn the_tail_of_students_distribution_is_that_of_the_tables() {
        // Two-sided, from the closed forms for one and two degrees of freedom, and from tables.
        let p = |t: f64, freedom: f64| incomplete_beta(freedom / 2.0, 0.5, freedom / (freedom + t * t));
        assert_near(p(1.0, 1.0), 0.5);
        assert_near(p(2.0, 2.0), 1.0 - 2.0 / 6.0_f64.sqrt());
        assert!((p(2.228_139, 10.0) - 0.05).abs() < 1e-6);
        assert!((p(2.581, 1000.0) - 0.01).abs() < 1e-4);
        assert_near(p(0.0, 10.0), 1.0);
        assert!(p(40.0, 400.0) < 1e-100);
    }

    #[test]
    fn two_samples_are_compared() {
        let a = [27.5, 21.0, 19.0, 23.6, 17.0, 17.9, 16.9, 20.1, 21.9, 22.6, 23.1, 19.6, 19.0, 21.7, 21.4];
        let b = [27.1, 22.0, 20.8, 23.4, 23.4, 23.5, 25.8, 22.0, 24.8, 20.2, 21.9, 22.1, 22.9, 30.5, 24.4];
        let Welch { t, freedom, p } = welch(&a, &b);
        assert_near(t, -2.852_954_870);
        assert_near(freedom, 27.887_303_988);
        assert_near(p, 0.008_071_938);
        let same = welch(&a, &a);
        assert_near(same.t, 0.0);
        assert_near(same.p, 1.0);
    }

    #[test]
    fn a_line_is_found_again() {
        let points: Vec<(f64, f64)> = (0..10_u8).map(f64::from).map(|x| (x, 3.0 + 0.5 * x)).collect();
        let (begins, rise) = trend(&points);
        assert_near(begins, 3.0);
        assert_near(rise, 0.5);
        assert_near(median(&[3.0, 1.0, 2.0]), 2.0);
    }
}
