# Sidekiq on trial: `ruby sidekiq_app.rb FIRST PAST` sends, `sidekiq -r` works.
require 'sidekiq'

Sidekiq.configure_server do |config|
  config.redis = { url: ENV['REDIS_URL'] }
  config.average_scheduled_poll_interval = 1    # looks for what is due each second, not each fifteen
end
Sidekiq.configure_client { |config| config.redis = { url: ENV['REDIS_URL'] } }
Sidekiq.logger.level = Logger::WARN

def note(word, number)
  File.write(ENV['LEDGER'], "#{word} #{number}\n", mode: 'a')
end

# The file is loaded under its own name by workers, and run as a program by senders.
class Work
  include Sidekiq::Worker

  def perform(number)
    note('began', number)
    sleep(ENV['JOB_MS'].to_f / 1000)
    note('done', number)
  end
end

# Fails twice, and is tried again after a second, to which Sidekiq adds some by chance.
class ThirdTime
  include Sidekiq::Worker
  sidekiq_options retry: 5
  sidekiq_retry_in { 1 }

  def perform(number)
    note('tried', number)
    tries = Sidekiq.redis { |redis| redis.incr("tries:#{number}") }
    raise 'as told' if tries < 3
    note('done', number)
  end
end

if $PROGRAM_NAME == __FILE__
  case ARGV[0]
  when 'features'
    require 'sidekiq/api'
    Work.perform_in(1, 1)
    ThirdTime.perform_async(2)
    Sidekiq::Client.push_bulk('class' => Work, 'args' => (10...1010).map { |n| [n] })
  when 'tell'
    require 'sidekiq/api'
    stats = Sidekiq::Stats.new
    puts [stats.processed, stats.failed, stats.enqueued, stats.retry_size, stats.scheduled_size].join(' ')
  else
    (ARGV[0].to_i...ARGV[1].to_i).each do |number|
      begin
        Work.perform_async(number)
      rescue Redis::BaseConnectionError, SystemCallError, IOError
        sleep(0.02)
        retry
      end
      note('sent', number)
    end
  end
end
