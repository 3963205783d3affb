/**
 * Seeds that once broke an invariant, by cause. The plan of a seed changes with plans/plan.ts, so mutations/mutations.ts exists to find
 * the same bugs again. These seeds are still run, because that costs no search.
 */
export const KNOWN_SEEDS: readonly { readonly cause: string; readonly seeds: readonly number[] }[] = [
  {
    cause:
      'an offer until the year 2090: of two engines that began to measure at once, one counted from the epoch',
    seeds: [713_446, 721_642, 730_092, 734_125, 732_657, 736_488, 6_715],
  },
  { cause: 'the tail of an outage counted as available time', seeds: [724_399] },
  { cause: 'the watermark moved without a log, and that counted as available time', seeds: [736_483] },
  {
    cause: "a lease's clock stood still with its machine, and an append after the fence got a 202",
    seeds: [24, 2_717, 2_779, 2_789, 2_796],
  },
  { cause: 'a gateway ranked in a Redis that had been failed over', seeds: [2_823, 2_847] },
  {
    cause: 'an engine at the old Redis declared ranks final that were corrected only in the new one',
    seeds: [1_012_149, 1_026_387],
  },
  {
    cause: 'a user who could not be ranked got a 202, and later the answer that there is no entry',
    seeds: [2_051_098],
  },
  { cause: 'a user with a stream was skipped before the report was taken in', seeds: [2_001_589, 2_051] },
  {
    cause: 'a report from just before a gateway ended counted as an absence of users who were present',
    seeds: [5_001_845],
  },
  {
    cause: 'time before the first users of a room were known counted as their absence',
    seeds: [5_128_127],
  },
  {
    cause: 'the check assumed that a gateway without a lease reports its streams',
    seeds: [5_028_248],
  },
  {
    cause: 'the check gave users who were skipped late no time to come back',
    seeds: [5_017_545, 3_363],
  },
  {
    cause: 'an offer was dated before an outage, and the outage did not extend it',
    seeds: [3_000_045],
  },
  {
    cause: 'an entrant of a cancelled campaign was told `lost`, from an old board and a new one',
    seeds: [6_006_420],
  },
  {
    cause: "a room forgot its admissions when the ledger's clock was set and corrected",
    seeds: [5_012_049, 5_027_762],
  },
  {
    cause: "a gateway accepted what Redis' clock had shown, when an engine found that clock right again",
    seeds: [5_014_075, 5_018_107],
  },
  {
    cause: 'a stamp that only the ledger had was shown during a rebuild, and a later one after it',
    seeds: [7_000_057],
  },
  {
    cause: "a lapsed hold was given back twice when the ledger's clock was set back",
    seeds: [9_071_753],
  },
  {
    cause: 'the run ended before a paused engine had read the log',
    seeds: [10_111_635],
  },
  {
    cause:
      "a finding about Redis' clock from before it was set back arrived late, and a gateway applied it to the new time",
    seeds: [10_100_088],
  },
  {
    cause: 'a request from while the time was unknown was stamped with that instant later',
    seeds: [20_113_386],
  },
  {
    cause:
      'newcomers waited for the whole rebuild of Redis, because engines did not count their readings of its clock',
    seeds: [20_015_267],
  },
  {
    cause: 'the check took an edit during a close for a move of that close',
    seeds: [20_036_135],
  },
  {
    cause: "a newcomer accepted the wrong time that it saw first when Redis' clock came back to it",
    seeds: [30_075_630],
  },
  {
    cause: 'a stream that was looked up before its gateway paused was told of a room that had ended since',
    seeds: [30_095_178],
  },
  {
    cause: 'reports of streams that were lost with Redis counted as absences',
    seeds: [30_105_455],
  },
  {
    cause:
      'the drawing was moved after an early close had passed; and the check reported a moved close that was not',
    seeds: [30_101_255, 30_115_129],
  },
  {
    cause: 'the check assumed that a gateway reports a stream at once after a pause',
    seeds: [30_168_920, 30_176_941],
  },
  {
    cause: 'the check learned of outages only after their end',
    seeds: [40_087_553],
  },
  {
    cause: 'an old board after a failover of Redis counted as current: it lacked a pause in effect',
    seeds: [50_177_050],
  },
  {
    cause: 'samples that fit the clock both before and after it was set ended no contradiction',
    seeds: [50_253_887],
  },
  {
    cause: 'a stopping gateway kept its streams while it waited for the log: their users were skipped',
    seeds: [50_201_381],
  },
  {
    cause: 'a gateway that had not joined yet stamped requests by a clock that was ahead',
    seeds: [70_001_518],
  },
  {
    cause: "shelved campaigns stayed on the board after the ledger's clock was set ahead",
    seeds: [71_082_155],
  },
  {
    cause: 'no engine found the work that a turn of claims had left: a campaign did not end',
    seeds: [71_088_368],
  },
  {
    cause: "a gateway showed a user's later entry from a Redis that had been failed over",
    seeds: [984_771_888],
  },
  {
    cause: 'a gateway answered `waiting` from an older board, after another gateway had shown the outcome',
    seeds: [73_005_266],
  },
  {
    cause: 'an outcome was shown from the ledger before the board showed it: the next answer was `waiting`',
    seeds: [73_000_819, 73_001_730, 73_004_489],
  },
  {
    cause: 'an engine at a failed-over Redis cancelled a campaign: no gateway had a lease there',
    seeds: [76_192_903],
  },
  {
    cause:
      'an engine whose machine was suspended during the decision moved a close that had passed meanwhile',
    seeds: [78_055_906],
  },
  {
    cause: "a gateway repeated its answer about a use, and then showed the code's state from before",
    seeds: [79_039_945],
  },
  {
    cause: 'the check assumed that a lapsed hold keeps the terms of a coupon',
    seeds: [79_043_174, 79_047_448],
  },
  {
    cause: 'the check assumed that a gateway that has used one code shows the current state of all others',
    seeds: [80_019_526],
  },
  {
    cause: 'watchers gave up before offers of four seconds each had passed along the waitlist',
    seeds: [82_057_072, 82_057_288],
  },
  {
    cause: 'a projection rebuilt during the writing of a draw showed half of its winners',
    seeds: [84_260_031],
  },
  {
    cause:
      'an engine that started in an outage measured from there: the rest of the outage was short, and counted as available',
    seeds: [985_826_529],
  },
  {
    cause: 'the operator of clocks accepted what an engine had sampled before Redis was right again',
    seeds: [986_034_809],
  },
  {
    cause: 'the check saw two commits as one, where the second had waited for the first',
    seeds: [87_085_750],
  },
  {
    cause: 'the run ended before late offers had passed along the waitlist',
    seeds: [88_217_413],
  },
  {
    cause: 'a loop waited for as long as its long turn had taken',
    seeds: [90_036_873],
  },
  {
    cause:
      'a raised stock was handed out before every gateway knew of it: who was granted one heard that all are gone',
    seeds: [96_013_023],
  },
  {
    cause:
      'the check counted a withdrawal that came after its user had lost, when a raised stock gave them an offer after all',
    seeds: [99_084_307],
  },
  {
    cause:
      'an offer that was made after an outage was shown before the board had the outage: its deadline seemed to be over',
    seeds: [101_007_901],
  },
];
