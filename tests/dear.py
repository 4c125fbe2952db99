"""Tests that are left to ``pytest -m slow`` for their price alone, by name: what they hold others hold more cheaply too.

Seconds were measured on two cores. A name that no test has any more is an error when all tests are collected.
"""

from __future__ import annotations

EXPERIMENTS = ("adaptive_margin", "adl_drawdown", "adl_policies", "circuit_breaker", "coin_collateral",
               "concentrated_whale", "dutch_auction", "fund_scope", "gap_severity", "inverse_contracts",
               "keeper_congestion", "leverage_cap", "liquidation_rule", "liquidation_speed", "maintenance_margin", "oracle_lag",
               "oracle_lag_volatility", "size_margin", "slow_keepers", "stablecoin_depeg", "withdrawal_run")
"""Those that sweep."""
DESIGNS = ("step down, bankruptcy price, ranked-0", "restore target, rates by size, delayed, ADL without a fund-0",
           "portion, fillable price, fills settled, random order-0",
           "first fraction, vault, ADL at the mark-0", "close factor, ranked, median mark, margins by volatility-0",
           "close factor, fund, pro rata after a drawdown, socialised-0", "full, pool, lagging oracle-0",
           "first fraction that waits, fund only, keepers stay away-0", "auction, pro rata-0",
           "half at a discount, rates by size or skew, funds of markets-0",
           "restore target, gains at a weight, fund, ranked-0", "restore target, largest loss first, ranked-0",
           "close factor, prices by skew, vault that deleverages winners by rank-0",
           "inverse contracts, step down, bankruptcy price, ranked-0",
           "close factor, delayed, traders run from a falling fund behind a gate-0")
"""Of random books; their parts are in the other designs."""
SENSITIVITY = ("test_every_parameter_is_told_of_once", "test_what_cannot_have_an_effect_has_none",
               "test_differences_by_the_fund_are_those_of_its_curve",
               *(f"test_slopes_lie_between_differences_on_every_path[{key}]"
                 for key in ("protocol.liquidation.keeper_share", "protocol.liquidation.fee")),
               "test_what_moves_accounts_has_no_slope", "test_a_metric_of_another_venue_is_refused",
               "test_the_step_that_is_told_is_the_one_that_was_chosen", "test_the_page")
"""Those that share a study of all parameters, 32 seconds; derivatives against closed forms have their own."""

DEAR = (
    *(f"tests/test_presets_run.py::test_every_preset_reaches_the_engine[experiment/{name}]" for name in EXPERIMENTS),
    *(f"tests/test_engine_reference.py::test_engine_agrees_with_the_reference[{design}]" for design in DESIGNS),
    "tests/test_docs_commands.py::test_commands_reach_the_engine[README.md]",  # 77; its main job has a test of its own
    "tests/test_split.py::test_the_paths_are_lively",  # 21
    "tests/test_ladder.py::test_the_paths_are_lively",  # 18
    "tests/test_ladder.py::test_random_books[keepers with a delay and a capacity]",  # 13
    "tests/test_calibrate.py::test_merton_is_recovered_and_ten_percent_would_show",  # 17
    "tests/test_shock_engines.py::test_until_they_come_shocks_change_no_bit",  # 10
    "tests/test_grid.py::test_a_killed_sweep_goes_on",  # 33
    "tests/test_invariance.py::test_another_size_of_block_has_the_same_noise",  # 28
    "tests/test_split.py::test_both_engines_in_one_tick[tiers and levies]",  # 22
    "tests/test_lanes.py::test_whoever_goes_beyond_a_kernel_is_simulated_anew",  # 22
    "tests/test_lanes.py::test_a_study_without_a_kernel_runs_all_the_same",  # 12
    "tests/test_fit_regime_bates.py::test_parameters_are_recovered",  # 22 with the fit that these three share
    "tests/test_fit_regime_bates.py::test_likelihood_prefers_the_truth_by_a_clear_margin",
    "tests/test_fit_regime_bates.py::test_forecasts_follow_what_was_seen",
    "tests/test_ladder.py::test_tiers_that_nobody_is_liquidated_in[0.009]",  # 16
    "tests/test_ladder.py::test_paths_with_levies_are_simulated_anew",  # 16
    "tests/test_ladder.py::test_random_books[delayed keepers]",  # 11
    "tests/test_calibrate.py::test_regimes_are_recovered",  # 14
    "tests/test_calibrate.py::test_further_markets_are_recovered_given_the_first",  # 13
    "tests/test_calibrate.py::test_calibrate_writes_a_preset_that_builds[merton]",  # 13
    "tests/test_shocks_reference.py::test_engine_agrees_with_the_reference[frozen, lagging oracle, depeg, delayed keepers]",
    "tests/test_shock_engines.py::test_both_engines_agree_under_shocks_of_the_market",  # 11
    "tests/test_funding_premium.py::test_without_noise_it_is_the_constant_premium",  # 12
    "tests/test_errors.py::test_a_run_whose_prices_overflow_says_so",  # 12
    "tests/test_frontier.py::test_a_book_from_files_is_held",  # 11
    "tests/test_monotone.py::test_depleted_is_drawdown_above_the_fund_for_every_fund[pro rata]",  # 11
    "tests/test_screen.py::test_results_are_the_same_without_the_screen[close factor, ranked, delayed, lagging]",  # 10
    "tests/test_mechanisms.py::test_adl_that_begins_sooner_spares_the_fund[okx]",  # 8
    *(f"tests/test_mechanisms.py::test_cash_and_contracts_are_conserved_and_deficits_paid_once[{venue}]"
      for venue in ("binance_usdm", "gmx_v2")),  # 7 each
    *(f"tests/test_frontier_margins.py::test_every_venue_has_a_frontier[{venue}]"
      for venue in ("gmx_v2", "deribit")),  # 8 each
    ("tests/test_losses.py::test_totals_are_the_engine_s_and_deficits_the_reference_s"
     "[restore target, rates by size, delayed, ADL without a fund]"),  # 8
    *(f"tests/test_sensitivity.py::{name}" for name in SENSITIVITY),
    "tests/test_attribution.py::test_two_accounts_with_impact_by_hand",  # 10
    "tests/test_shock_engines.py::test_everything_at_once_conserves_cash_and_contracts_and_depletes_as_the_curve_says",
    "tests/test_ladder.py::test_a_number_two_percent_off_is_noticed",  # 9
    *(f"tests/test_martingale.py::test_presets_are_martingales[{model}]" for model in ("hawkes", "regime_bates")),  # 14
    "tests/test_losses.py::test_parts_at_the_maximum_over_rounds[a fee after the maximum does not count]",  # 8
    "tests/test_insurance_limits.py::test_rules_that_say_nothing_change_nothing",  # 6
    "tests/test_fit_heston.py::test_pieces_and_unseen_bars",  # 6
    "tests/test_fit_hawkes.py::test_grid_and_pieces_do_not_matter",  # 5
    "tests/test_fit_regime_bates.py::test_pieces_do_not_matter",  # 5
    "tests/test_calibrate.py::test_one_market_has_no_common_jumps",  # 5
    "tests/test_bridge.py::test_bars_whose_open_or_close_is_an_extreme[does not move]",  # 6
    "tests/test_bootstrap.py::test_a_drift_is_exact_at_every_bar[0.0-1200.0]",  # 6
    "tests/test_docs_commands.py::test_commands_reach_the_engine[docs/concepts/market.md]",  # 5
    "tests/test_docs_commands.py::test_commands_reach_the_engine[docs/guides/critical.md]",  # 15
    "tests/test_docs_commands.py::test_commands_reach_the_engine[docs/guides/fund.md]",  # 9
    "tests/test_docs_commands.py::test_commands_reach_the_engine[docs/concepts/margin.md]",  # 8
    "tests/test_desk.py::test_an_interrupted_decision_is_finished_by_its_folder",  # 18
    "tests/test_launchers.py::test_a_launcher_changes_no_number[joblib]",  # 19
    "tests/test_launchers.py::test_what_is_no_longer_the_same_is_redone",  # 6
    "tests/test_processes.py::test_processes_with_different_settings_say_so",  # 6
    "tests/test_shocks_reference.py::test_engine_agrees_with_the_reference[wrong index, outage, guarded oracle, vault]",
    "tests/test_report.py::test_stale_pictures_go_and_fine_ones_stay_small",  # 9
    "tests/test_ladder.py::test_blocks_of_any_size_give_the_same_bits",  # 9
    "tests/test_coins.py::test_a_coin_whose_price_stands_still_is_usd",  # 9
    "tests/test_calibrate_models.py::test_real_prices_are_compared_on_the_same_bars",  # 8
    "tests/test_calibrate.py::test_density_is_the_poisson_mixture_of_normals",  # 7
    "tests/test_adl_fairness.py::test_measuring_changes_nothing",  # 8
    "tests/test_adl_fairness.py::test_what_a_trader_took_out_is_profit_no_less",  # 5
    "tests/test_losses.py::test_paths_of_a_run_come_to_the_same_bits",  # 7
    "tests/test_fit_heston.py::test_likelihood_agrees_with_particles[False]",  # 6
    "tests/test_benchmarks.py::test_engine_agrees_with_the_cross_reference",  # 7
    "tests/test_mechanisms.py::test_cash_and_contracts_are_conserved_and_deficits_paid_once[hyperliquid]",  # 7
    "tests/test_launchers.py::test_a_launcher_changes_no_number[submitit_local]",  # 18
    "tests/test_ladder.py::test_prices_that_overflow_are_seen",  # 18
    "tests/test_coins.py::test_no_coins_are_as_if_there_were_none",  # 14
    "tests/test_calibrate_surroundings.py::test_all_three_presets_compose",  # 10
    "tests/test_shock_engines.py::test_times_and_sizes_are_numbers_a_sweep_over_them_compiles_once",  # 9
    *(f"tests/test_mechanisms.py::test_a_larger_fund_is_never_depleted_sooner[{venue}]"
      for venue in ("binance_usdm", "hyperliquid")),  # 7 each
    *(f"tests/test_coins.py::test_a_backstop_takes_the_coins_too_and_sells_them[debt-{case}]"
      for case in ("67.0-None-0.0-vault0", "67.0-0.01-0.0-vault1", "62.0-None-0.0-vault2", "60.0-None-2.5-vault3")),
    "tests/test_docs_commands.py::test_commands_reach_the_engine[docs/guides/search.md]",  # 7
    "tests/test_adl_trigger.py::test_a_drawdown_of_all_is_an_empty_fund",  # 6
    "tests/test_frontier.py::test_a_page_where_nothing_is_bounded",  # 6
    "tests/test_withdrawals.py::test_without_a_reason_nobody_runs",  # 6
    "tests/test_insurance_limits.py::test_the_fund_curve_stays_exact[limit]",  # 4
    "tests/test_grid.py::test_a_fund_shared_where_it_fails_is_caught",  # 8
    "tests/test_compare.py::test_runs_that_cannot_be_paired",  # 7
    "tests/test_critical_shots.py::test_the_command_and_its_page",  # 6
    "tests/test_mechanisms.py::test_cash_and_contracts_are_conserved_and_deficits_paid_once[dydx_v4]",  # 6
    "tests/test_adl_policies.py::test_the_random_order_is_a_function_of_seed_and_tick",  # 5
    "tests/test_price_parts.py::test_counts_by_regime_are_independent_poisson_numbers[4]",  # 5
    "tests/test_docs_commands.py::test_python_works[docs/guides/sweeps.md]",  # 5
    "tests/test_fit_heston.py::test_likelihood_agrees_with_particles[True]",  # 4
    "tests/test_monotone.py::test_depleted_is_drawdown_above_the_fund_for_every_fund[fund only]",  # 7
    "tests/test_mechanisms.py::test_a_larger_fund_is_never_depleted_sooner[gmx_v2]",  # 5
    "tests/test_benchmarks.py::test_numba_cross_agrees_with_the_reference",  # 6
    "tests/test_benchmarks.py::test_baseline_agrees_with_the_reference[numba_accounts]",  # 4
    *(f"tests/test_report.py::test_edge_cases_render[{case}]"
      for case in ("sixteen markets", "tiny amounts", "huge amounts", "one market", "two paths")),  # 3 each
)
