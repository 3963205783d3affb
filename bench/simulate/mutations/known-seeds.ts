/**
 * Seeds that once broke something, by cause. What a seed stands for changes with plans/plan.ts; mutations.ts is there to find
 * a seed's bug again. These seeds are run all the same, as nobody has to search for them.
 */
export const KNOWN_SEEDS: readonly { readonly cause: string; readonly seeds: readonly number[] }[] = [
  {
    cause:
      'an offer until the year 2090: of two engines that began to count at once, one counted from the epoch on',
    seeds: [713_446, 721_642, 730_092, 734_125, 732_657, 736_488, 6_715],
  },
  { cause: 'the tail of an outage counted as available time', seeds: [724_399] },
  { cause: 'the watermark moved without a log, and that counted as available time', seeds: [736_483] },
  {
    cause:
      'the clock of a lease stood still while its machine did, and what was appended behind the fence got a 202',
    seeds: [24, 2_717, 2_779, 2_789, 2_796],
  },
  { cause: 'a gateway ranked in a Redis that had been failed over', seeds: [2_823, 2_847] },
  {
    cause:
      'an engine at the Redis of before told that ranks were final that had been mended in the new one alone',
    seeds: [1_012_149, 1_026_387],
  },
  {
    cause: 'whoever could not be ranked got a 202, and then heard that they had no entry',
    seeds: [2_051_098],
  },
  { cause: 'who told of a stream was skipped before the report was taken in', seeds: [2_001_589, 2_051] },
  {
    cause: 'what was heard in one step before a gateway ended counted as the absence of those who were there',
    seeds: [5_001_845],
  },
  {
    cause: 'of the first in a room, what nobody knew of yet as they entered counted as their absence',
    seeds: [5_128_127],
  },
  {
    cause: 'the check took it that a gateway without a lease tells of its streams',
    seeds: [5_028_248],
  },
  {
    cause: 'the check gave nobody who was skipped late the time to come back',
    seeds: [5_017_545, 3_363],
  },
  {
    cause: 'an offer was made as of an instant before an outage, and did not get that back',
    seeds: [3_000_045],
  },
  {
    cause: 'who was cancelled heard that they had lost, by a board of before and one of after',
    seeds: [6_006_420],
  },
  {
    cause: 'a room forgot whom it had let in when the clock of the ledger was set, and right again',
    seeds: [5_012_049, 5_027_762],
  },
  {
    cause: "a gateway accepted what Redis' clock had shown, when an engine found that clock right again",
    seeds: [5_014_075, 5_018_107],
  },
  {
    cause: 'a stamp that only the ledger had was told while ranks were made, and a later one behind it',
    seeds: [7_000_057],
  },
  {
    cause: 'a hold that had lapsed was given back once more when the clock of the ledger was set back',
    seeds: [9_071_753],
  },
  {
    cause: 'the run was over before an engine that stood still had read the log',
    seeds: [10_111_635],
  },
  {
    cause:
      "a finding about Redis' clock from before it was set back arrived late, and a gateway applied it to the new time",
    seeds: [10_100_088],
  },
  {
    cause: 'who arrived while nobody could tell the time was stamped by that, once somebody could',
    seeds: [20_113_386],
  },
  {
    cause:
      'newcomers waited for as long as Redis was made anew, as engines did not count how often they read its clock',
    seeds: [20_015_267],
  },
  {
    cause: 'the check took an edit beside a close that was under way for a move of that close',
    seeds: [20_036_135],
  },
  {
    cause:
      'a newcomer took the wrong time that it had seen first for right when the clock of Redis came back to it',
    seeds: [30_075_630],
  },
  {
    cause:
      'a stream that was looked up before its gateway stood still was told of a room that had ended since',
    seeds: [30_095_178],
  },
  {
    cause: 'what was told of streams and lost with Redis counted as the absence of those who were there',
    seeds: [30_105_455],
  },
  {
    cause:
      'the drawing was moved behind a close that was told to gateways and had passed; the check saw a close moved that was not',
    seeds: [30_101_255, 30_115_129],
  },
  {
    cause: 'the check took it that a gateway tells of a stream at once when it goes on',
    seeds: [30_168_920, 30_176_941],
  },
  {
    cause: 'the check knew of no outage before it was over',
    seeds: [40_087_553],
  },
  {
    cause: 'a board that Redis fell back to was taken for that of now: it did not know of a pause in effect',
    seeds: [50_177_050],
  },
  {
    cause:
      'samples that went with the clock before it was set, and with the one behind, ended no contradiction',
    seeds: [50_253_887],
  },
  {
    cause: 'a gateway that stopped kept its streams while it waited for the log: those there were skipped',
    seeds: [50_201_381],
  },
  {
    cause:
      'a gateway that had not joined yet stamped requests by a clock that was ahead: it could not stamp until then',
    seeds: [70_001_518],
  },
  {
    cause:
      "what was on the shelf stayed on the board where the ledger's clock was set on before it was let go of",
    seeds: [71_082_155],
  },
  {
    cause: 'nobody found the work that a turn of claims had left: a campaign did not end',
    seeds: [71_088_368],
  },
  {
    cause: 'a gateway told somebody of their later entry from a Redis that had been failed over',
    seeds: [984_771_888],
  },
  {
    cause:
      'a gateway told somebody that they wait, off a board from before another one told them how it ended',
    seeds: [73_005_266],
  },
  {
    cause:
      'an outcome was told from the ledger before the board showed it: they were told then that they wait',
    seeds: [73_000_819, 73_001_730, 73_004_489],
  },
  {
    cause: 'an engine at a Redis that had been failed over cancelled a campaign: nobody had a lease there',
    seeds: [76_192_903],
  },
  {
    cause: 'an engine whose machine was suspended as it decided moved a close that had passed meanwhile',
    seeds: [78_055_906],
  },
  {
    cause: 'a gateway told a shop again of a use, and then showed the code as it was before',
    seeds: [79_039_945],
  },
  {
    cause: 'the check took it that a hold which had lapsed keeps the terms of a coupon',
    seeds: [79_043_174, 79_047_448],
  },
  {
    cause: 'the check took it that a gateway which has used one code shows any other one as it is',
    seeds: [80_019_526],
  },
  {
    cause: 'who watched lost patience before offers of four seconds had gone from one to the next',
    seeds: [82_057_072, 82_057_288],
  },
  {
    cause: 'a projection that was rebuilt while a draw was written told winners of half of it',
    seeds: [84_260_031],
  },
  {
    cause:
      'an engine that started in an outage began what counts there: the rest of it was short, and counted',
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
    cause: 'the run ended before offers that began late had gone from one to the next',
    seeds: [88_217_413],
  },
  {
    cause: 'a loop whose turn had taken long waited for as long again',
    seeds: [90_036_873],
  },
];
